"""The `Backlogs` port: SQLite, Cloud Monitoring over recorded answers, and emulators."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.google_rest import DENIED, GoogleApis, serving_google
from videovector_bridge.backends import BackendSettings, open_backend, open_backlogs
from videovector_bridge.backends.embedded.backlogs import SqliteBacklogs
from videovector_bridge.backends.embedded.subscriptions import SqliteSubscriptions
from videovector_bridge.backends.gcp.monitoring import MESSAGES, OLDEST, MonitoredBacklogs
from videovector_bridge.backends.gcp.rest import EMULATOR, GoogleRest
from videovector_bridge.backends.ports import Message
from videovector_bridge.backends.reading_ports import Backlog
from videovector_bridge.errors import BackendError

PATIENCE = 20.0
NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
TIME_SERIES = "monitoring.googleapis.com/v3/projects/p/timeSeries"


def test_the_embedded_backend_counts_what_is_not_acknowledged(
    embedded_settings: BackendSettings,
) -> None:
    """A message with a lease counts, as in Pub/Sub; a push subscription is unknown."""
    folder = Path(embedded_settings.embedded_dir)
    subscriptions = SqliteSubscriptions(folder)
    subscriptions.create("reader", "events", timeout=PATIENCE)
    messages = [Message(b"%d" % number, {}) for number in range(3)]
    topics = open_backend(embedded_settings).topics
    topics.publish("events", messages, timeout=PATIENCE)
    topics.publish("rejected", messages, timeout=PATIENCE)
    (first, _) = subscriptions.pull("reader", limit=2, timeout=PATIENCE)
    subscriptions.acknowledge("reader", [first.ack_id], timeout=PATIENCE)
    later = first.published_at.timestamp() + 90

    backlogs = SqliteBacklogs(folder, now=lambda: later).read(["reader", "push"], timeout=PATIENCE)

    assert backlogs.keys() == {"reader"}
    assert backlogs["reader"].messages == 2
    assert backlogs["reader"].oldest_seconds == pytest.approx(90, abs=5)
    subscriptions.create("new", "events", timeout=PATIENCE)
    assert open_backlogs(embedded_settings).read(["new"], timeout=PATIENCE) == {
        "new": Backlog(0, None)
    }


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleApis]:
    """Google's APIs on loopback."""
    with serving_google() as apis:
        monkeypatch.setenv(EMULATOR, apis.address)
        yield apis


def series(metric: str, subscription: str, *values: int) -> dict[str, Any]:
    """Return a time series as in https://cloud.google.com/monitoring/api/ref_v3/rest/v3/TimeSeries."""
    return {
        "metric": {"type": metric},
        "resource": {
            "type": "pubsub_subscription",
            "labels": {"project_id": "p", "subscription_id": subscription},
        },
        "metricKind": "GAUGE",
        "valueType": "INT64",
        "points": [
            {
                "interval": {"startTime": f"2026-11-27T02:5{9 - n}:00Z"},
                "value": {"int64Value": str(value)},
            }
            for n, value in enumerate(values)
        ],
    }


def monitored() -> MonitoredBacklogs:
    """Return the port on Monitoring."""
    return MonitoredBacklogs("p", GoogleRest(), now=lambda: NOW)


def test_monitoring_has_the_newest_value_of_each_subscription(google: GoogleApis) -> None:
    """Points are in reverse order of time; a subscription without one is unknown."""
    google.add(
        "GET",
        TIME_SERIES,
        {"timeSeries": [series(MESSAGES, "a", 3, 9), series(MESSAGES, "b"), {"points": "odd"}]},
    )

    assert monitored().read(["a", "b", "c"], timeout=PATIENCE) == {"a": Backlog(3, 3.0)}
    first, second = google.requests
    assert first.query["filter"][0] == (
        f'metric.type = "{MESSAGES}" AND resource.type = "pubsub_subscription" AND '
        'resource.labels.subscription_id = one_of("a", "b", "c")'
    )
    assert OLDEST in second.query["filter"][0]
    assert first.query["interval.startTime"] == ["2026-11-27T02:45:00Z"]
    assert first.query["interval.endTime"] == ["2026-11-27T03:00:00Z"]


def test_all_pages_are_read(google: GoogleApis) -> None:
    """They are bounded: a server that never ends does not hang the command."""
    google.add("GET", TIME_SERIES, {"timeSeries": [series(MESSAGES, "a", 1)], "nextPageToken": "x"})

    assert monitored().read(["a"], timeout=PATIENCE) == {"a": Backlog(1, 1.0)}
    assert google.requests[1].query["pageToken"] == ["x"]
    assert len(google.requests) == 40


def test_a_missing_role_is_named(google: GoogleApis) -> None:
    """With the project."""
    google.responses[f"GET {TIME_SERIES}"] = DENIED

    with pytest.raises(BackendError, match=r"roles/monitoring\.viewer in project p.*denied"):
        monitored().read(["a"], timeout=PATIENCE)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [(500, {"error": "made up"}, "returned 500: made up"), (200, b"<html>", "JSONDecodeError")],
)
def test_a_failure_is_a_backend_error(
    google: GoogleApis, status: int, body: Any, words: str
) -> None:
    """Whatever the server returns."""
    google.add("GET", TIME_SERIES, body, status)

    with pytest.raises(BackendError, match=words):
        monitored().read(["a"], timeout=PATIENCE)


def test_a_server_that_is_away_is_a_backend_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a deadline that has passed."""
    monkeypatch.setenv(EMULATOR, "127.0.0.1:9")

    with pytest.raises(BackendError, match="ConnectionError"):
        monitored().read(["a"], timeout=PATIENCE)
    with pytest.raises(BackendError, match="no time was left"):
        monitored().read(["a"], timeout=0)


def test_beside_emulators_every_backlog_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no emulator of Cloud Monitoring, and Google is not asked."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    settings = BackendSettings("gcp", "p", "", "")

    assert open_backlogs(settings).read(["a"], timeout=PATIENCE) == {}


def test_without_credentials_it_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As after `gcloud auth application-default revoke`."""
    for name in (EMULATOR, "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))

    with pytest.raises(BackendError, match="gcloud auth application-default login"):
        monitored().read(["a"], timeout=PATIENCE)
