"""The webhook channel: a test delivery from VideoVector through the receiver to the topic."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import orjson
import pytest

from infra.standin import StandIn, StandInConfig
from tests.support.canaries import Canary, SkippedTime, create_webhook, serving
from tests.support.patience import PATIENCE_SECONDS
from tests.support.peers import dead_server
from tests.support.receiver import receiving
from tests.support.standin_api import request
from tests.support.webhooks import Deployment
from videovector_bridge.backends import BackendSettings

CHANNEL = "webhook:default"


@pytest.fixture
def serve() -> Iterator[ExitStack]:
    """Servers that end with the test."""
    with ExitStack() as servers:
        yield servers


def register(canary: Canary, serve: ExitStack, name: str = "default", **variables: str) -> str:
    """Create a webhook for a receiver that listens; return its id. It has the right secret."""
    receiver = Deployment(canary.settings)
    url = serve.enter_context(serving(receiver.app))
    webhook_id, secret = create_webhook(canary.standin, url, name)
    # The app reads its settings with its first request.
    receiver.environ.update({"WEBHOOK_SECRETS": secret, **variables})
    return webhook_id


def facts(report: dict[str, Any]) -> tuple[str, str]:
    """Return the state and its reason."""
    return report["state"], report["reason"]


def test_a_webhook_that_delivers_is_alive(canary: Canary, serve: ExitStack) -> None:
    """The test event is on the topic; the round trip is measured, and an event is published."""
    webhook_id = register(canary, serve)
    report = canary.check()[CHANNEL]
    test, *others = canary.published(3)

    assert facts(report) == ("alive", "delivered")
    assert 0 < report["round_trip_seconds"] < 300
    assert test.attributes["ce-type"] == "com.vectormethods.test"
    assert test.attributes["ce-source"].endswith(f"/webhooks/{webhook_id}")
    by_channel = {orjson.loads(each.data)["payload"]["channel"]: each for each in others}
    event = by_channel[CHANNEL]
    assert event.attributes["ce-type"] == "com.vectormethods.bridge.canary"
    assert event.attributes["ce-channel"] == "bridge"
    assert orjson.loads(event.data)["payload"] == report


def test_events_of_one_hour_have_the_same_id(embedded: Canary) -> None:
    """A second call of the scheduler repeats the event."""
    for _ in range(3):  # of which two are in the same hour
        embedded.check()
    ids = [each.attributes["ce-id"] for each in embedded.published(10)]

    assert len(ids) == 6
    assert len(set(ids)) < 6


def test_a_test_event_of_another_hour_or_webhook_does_not_count(
    embedded: Canary, serve: ExitStack
) -> None:
    """Messages before the test, and those of other webhooks, do not show that it delivers."""
    other_id = register(embedded, serve, "other")
    assert facts(embedded.check()["webhook:other"]) == ("alive", "delivered")
    request(embedded.standin, "POST", f"/webhooks/{other_id}/test", scope="write")
    with receiving() as receiver:
        create_webhook(embedded.standin, receiver.url)
        embedded.changes["clock"] = SkippedTime(lambda: bool(receiver.requests))
        report = embedded.check(CANARY_WEBHOOKS="default")[CHANNEL]

    assert facts(report) == ("dead", "late")


def test_runs_at_once_do_not_disturb_each_other(canary: Canary, serve: ExitStack) -> None:
    """Cloud Scheduler may call twice. Each run needs one test event, whoever requested it."""
    register(canary, serve)
    with ThreadPoolExecutor() as threads:
        runs = [threads.submit(canary.check) for _ in range(3)]
        reports = [run.result()[CHANNEL] for run in runs]

    assert [facts(report) for report in reports] == [("alive", "delivered")] * 3


def test_a_receiver_that_publishes_nothing_is_late(canary: Canary) -> None:
    """It accepts the delivery, but the event is not on the topic when the deadline passes."""
    with receiving() as receiver:
        create_webhook(canary.standin, receiver.url)
        canary.changes["clock"] = SkippedTime(lambda: bool(receiver.requests))
        report = canary.check()[CHANNEL]

    assert facts(report) == ("dead", "late")
    assert "accepted the test delivery (204)" in report["detail"]
    assert "webhook.*" in report["what_to_do"]


def test_a_receiver_that_is_down_is_dead(embedded: Canary) -> None:
    """VideoVector reports that it has no response."""
    create_webhook(embedded.standin, f"http://{dead_server()}/hook")
    report = embedded.check(CANARY_SECONDS="1")[CHANNEL]

    assert facts(report) == ("dead", "no_response")
    assert report["round_trip_seconds"] is None


def test_a_wrong_secret_is_dead_with_that_detail(canary: Canary, serve: ExitStack) -> None:
    """The receiver refuses the signature."""
    register(canary, serve, WEBHOOK_SECRETS="another-secret-word")  # pragma: allowlist secret
    report = canary.check()[CHANNEL]

    assert facts(report) == ("dead", "wrong_secret")
    assert "returned 401" in report["detail"]
    assert "webhook rotate" in report["what_to_do"]


def test_a_receiver_that_responds_after_videovectors_timeout_is_slow(
    embedded_settings: BackendSettings,
) -> None:
    """The event arrived, so the channel is alive; the detail says what VideoVector saw."""
    with StandIn(StandInConfig(webhook_timeout_seconds=0.2)) as standin, ExitStack() as servers:
        canary = Canary(standin, embedded_settings)
        receiver = Deployment(embedded_settings)
        checked = threading.Event()

        def respond_late(environ: Any, start: Any) -> Any:
            body = receiver.app(environ, start)
            checked.wait(PATIENCE_SECONDS)
            return body

        url = servers.enter_context(serving(respond_late))
        receiver.environ["WEBHOOK_SECRETS"] = create_webhook(standin, url)[1]
        try:
            report = canary.check()[CHANNEL]
        finally:
            checked.set()

    assert facts(report) == ("alive", "slow")


def test_a_failure_that_ends_is_no_dead_channel(embedded: Canary) -> None:
    """A receiver without a free instance is asked again."""
    statuses = iter([429, 503, 401])
    with receiving() as receiver:
        receiver.respond = lambda _request: (next(statuses), {})
        create_webhook(embedded.standin, receiver.url)
        embedded.changes["retry_pauses"] = (0.0, 0.0, 0.0)
        report = embedded.check()[CHANNEL]

    assert facts(report) == ("dead", "wrong_secret")
    assert len(receiver.requests) == 3


@pytest.mark.parametrize(
    ("status", "reason"),
    [(403, "not_public"), (404, "wrong_url"), (413, "refused"), (503, "unavailable")],
)
def test_a_refusal_is_explained(embedded: Canary, status: int, reason: str) -> None:
    """By the status of the receiver."""
    with receiving() as receiver:
        receiver.respond = lambda _request: (status, {})
        create_webhook(embedded.standin, receiver.url)
        report = embedded.check()[CHANNEL]

    assert facts(report) == ("dead", reason)


def test_without_a_webhook_the_channel_is_absent(embedded: Canary) -> None:
    """That is no failure. A webhook of others does not count."""
    body = {"name": "theirs", "url": "https://example.com/hook", "events": ["export.ready"]}
    request(embedded.standin, "POST", "/webhooks", scope="admin", json=body)

    assert facts(embedded.check()["webhook"]) == ("absent", "not_registered")
    reports = embedded.check(CANARY_WEBHOOKS="default")
    assert facts(reports[CHANNEL]) == ("absent", "not_registered")


def test_a_key_without_the_scope_is_unknown(embedded: Canary, serve: ExitStack) -> None:
    """The report names the scope; streams are checked all the same."""
    register(embedded, serve)
    reports = embedded.check(VIDEO_VECTOR_API_KEY=embedded.standin.keys["read"])

    assert facts(reports[CHANNEL]) == ("unknown", "no_scope")
    assert "`write`" in reports[CHANNEL]["what_to_do"]
    reports = embedded.check(VIDEO_VECTOR_API_KEY=embedded.standin.keys["search"])
    assert facts(reports["webhook"]) == ("unknown", "no_scope")
    assert "stream:default" in reports


def test_a_paused_receiver_is_not_tested(embedded: Canary) -> None:
    """An operator paused it: `channels/webhook` says why."""
    with receiving() as receiver:
        create_webhook(embedded.standin, receiver.url)
        paused = {"since": "2026-11-27T01:00:00Z", "reason": "migration", "by": "ana"}
        embedded.backend.documents.write(
            "channels", "webhook", {"paused": paused}, replaces=None, timeout=60
        )
        report = embedded.check()[CHANNEL]

    assert facts(report) == ("paused", "paused")
    assert "by ana: migration" in report["detail"]
    assert not receiver.requests


@pytest.mark.parametrize(
    ("status", "expected"),
    [("paused", ("paused", "paused_at_videovector")), ("disabled", ("dead", "disabled"))],
)
def test_an_inactive_webhook_is_not_tested(
    embedded: Canary, status: str, expected: tuple[str, str]
) -> None:
    """VideoVector delivers nothing to it."""
    with receiving() as receiver:
        webhook_id, _ = create_webhook(embedded.standin, receiver.url)
        embedded.standin.state.webhooks.find(webhook_id).status = status
        report = embedded.check()[CHANNEL]

    assert facts(report) == expected
    assert not receiver.requests
