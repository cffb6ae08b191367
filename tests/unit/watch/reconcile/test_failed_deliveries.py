"""`watch.reconcile.failed_deliveries`: which deliveries are sent again, and when not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.memory_ports import MemoryPorts
from tests.support.webhook_api import ONCE, WebhookApi, client_for, delivery, webhook
from videovector_bridge.watch.reconcile.failed_deliveries import COLLECTION, FailedDeliveries

NOW = datetime(2026, 1, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
RUN = "run:r1"


def failed(name: str, *, run_id: str = "", status: str = "failed", **fields: Any) -> dict[str, Any]:
    """Return a record of a delivery, which may bring the end of a run."""
    payload = {"data": {"run_id": run_id}}
    return delivery(name, status) | {"payload": payload} | fields


@dataclass
class Retrying:
    """Runs over a webhook of the bridge, `w1`, with these records."""

    api: WebhookApi
    ports: MemoryPorts = field(default_factory=MemoryPorts)
    now: datetime = NOW
    server: httpx.BaseTransport | None = None
    left: Callable[[], float] = lambda: 10.0

    def run(self, *, most_calls: int = 20, overdue: tuple[str, ...] = ()) -> FailedDeliveries:
        """Run once."""
        run = FailedDeliveries(
            client_for(self.server or self.api, ONCE),
            self.ports,
            now=self.now,
            most_calls=most_calls,
            left=self.left,
            grace=timedelta(minutes=2),
            overdue=overdue,
        )
        run.retry()
        return run

    @property
    def retried(self) -> list[str]:
        """The deliveries that VideoVector was asked to send again, in order."""
        return [
            request.split("/")[-2] for request in self.api.requests if request.endswith("/retry")
        ]


def retrying(*records: dict[str, Any], **fields: Any) -> Retrying:
    """Return runs over records of the webhook `w1`, which has these fields."""
    api = WebhookApi([webhook("w1", **fields)])
    api.records = list(records)
    return Retrying(api)


def test_failed_deliveries_are_sent_again() -> None:
    """Those that VideoVector gave up; not those that it still sends by itself."""
    runs = retrying(failed("d1"), failed("d2"), failed("d3", status="delivered"))

    report = runs.run().report

    assert runs.retried == ["d1", "d2"]
    assert (report.failed, report.retried, report.refused, report.problem) == (2, 2, 0, "")
    assert report.calls == len(runs.api.requests)


@pytest.mark.parametrize(
    "fields",
    [{"status": "disabled"}, {"status": "paused"}, {"name": "another", "metadata": {}}],
)
def test_only_active_webhooks_of_the_bridge_are_retried(fields: dict[str, Any]) -> None:
    """A disabled one gets nothing; one of others is not ours."""
    runs = retrying(failed("d1"), **fields)

    assert runs.run().report.retried == 0
    assert runs.api.requests == ["GET /webhooks"]


def test_nothing_is_sent_to_a_paused_receiver() -> None:
    """It would refuse every delivery, and VideoVector would disable the webhook."""
    runs = retrying(failed("d1"))
    runs.ports.documents["channels", "webhook"] = ({"paused": {"reason": "a test"}}, 1)

    assert "paused" in runs.run().report.problem
    assert runs.api.requests == []


def test_a_receiver_that_fails_gets_one_delivery() -> None:
    """If that succeeds, the next run sends the others."""
    runs = retrying(failed("d1"), failed("d2"), failure_count=4)

    assert runs.run().report.retried == 1


def test_a_refused_retry_stops_no_other() -> None:
    """VideoVector may say that the delivery is no longer a failed one."""
    runs = retrying(failed("d1", attempts=9), failed("d2"))

    report = runs.run().report

    assert (report.refused, report.retried) == (1, 1)


def test_a_delivery_is_sent_again_three_times_an_hour_apart() -> None:
    """Whatever the receiver does with it."""
    runs = retrying(failed("d1"))
    sent = []
    for _ in range(12):
        sent.append(runs.run().report.retried)
        runs.api.records = [failed("d1")]
        runs.now += HOUR / 2

    assert sent == [1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0]


def test_a_kill_before_the_request_does_not_repeat_it() -> None:
    """The retry is stored first: at worst it is tried an hour later."""
    runs = retrying(failed("d1"))

    def kill(step: str) -> None:
        if step == "after write":
            raise SystemExit

    runs.ports.step = kill
    with pytest.raises(SystemExit):
        runs.run()
    runs.ports.step = lambda _step: None

    assert runs.run().report.retried == 0
    runs.now += HOUR
    assert runs.run().report.retried == 1


def test_another_run_that_retries_at_the_same_time_wins() -> None:
    """The deliveries are left to it."""
    runs = retrying(failed("d1"))

    def store_first(step: str) -> None:
        if step == "before write":
            runs.ports.documents[COLLECTION, "w1"] = ({"retried": {}}, 99)

    runs.ports.step = store_first

    assert runs.run().report.retried == 0
    assert runs.retried == []


def test_ends_of_overdue_work_come_first() -> None:
    """Within the number of requests. Two list failed deliveries, and two the unsettled ones."""
    runs = retrying(failed("d1"), failed("d2", run_id="r1"))

    run = runs.run(most_calls=5, overdue=(RUN,))

    assert runs.retried == ["d2"]
    assert (run.report.calls, run.expected) == (5, {RUN})


@pytest.mark.parametrize("status", ["pending", "retrying"])
def test_a_delivery_that_videovector_still_sends_is_expected(status: str) -> None:
    """For ten minutes after its creation: then its event may be published in its place."""
    record = failed("d1", run_id="r1", status=status, created_at=NOW.isoformat())
    runs = retrying(record)

    assert runs.run(overdue=(RUN,)).expected == {RUN}
    runs.now += timedelta(minutes=11)
    assert runs.run(overdue=(RUN,)).expected == set()


def test_requests_are_bounded() -> None:
    """The one that lists the webhooks counts too."""
    runs = retrying(failed("d1"))

    report = runs.run(most_calls=1).report

    assert runs.api.requests == ["GET /webhooks"]
    assert (report.calls, report.failed, report.retried) == (1, 0, 0)


def test_the_end_of_the_time_ends_the_retries() -> None:
    """The next run continues, an hour later for a delivery that was stored as retried."""
    runs = retrying(failed("d1"), failed("d2"))
    runs.left = lambda: 0.0 if runs.retried else 10.0

    assert runs.run().report.retried == 1
    assert runs.retried == ["d1"]


class Refusing(httpx.BaseTransport):
    """Responds with an error to requests of a path, and otherwise as the fake does."""

    def __init__(self, api: WebhookApi, path: str, status: int) -> None:
        self._api = api
        self._path = path
        self._status = status

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Respond."""
        if request.url.path.endswith(self._path):
            return httpx.Response(self._status, json={"detail": "no"})
        return self._api.handle_request(request)


@pytest.mark.parametrize("path", ["/webhooks", "/deliveries", "/retry"])
@pytest.mark.parametrize(
    ("status", "problem", "rate_limited"),
    [(403, "may not read or retry deliveries", False), (429, "", True), (401, "", False)],
)
def test_a_refusal_of_videovector_is_in_the_report(
    path: str, status: int, problem: str, *, rate_limited: bool
) -> None:
    """It ends the retries, not the run. A refused single retry is only counted."""
    runs = retrying(failed("d1"), failed("d2"))
    runs.server = Refusing(runs.api, path, status)

    report = runs.run().report

    if (path, status) == ("/retry", 401):
        assert (report.refused, report.problem) == (2, "")
    else:
        assert report.problem
        assert problem in report.problem
    assert (report.rate_limited, report.retried) == (rate_limited, 0)
