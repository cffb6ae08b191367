"""`canary` through its host: statuses, log lines and secrets."""

from dataclasses import replace
from typing import Any, NoReturn

import pytest

from tests.support.canaries import Canary, ago, create_webhook
from tests.support.hosting import host
from tests.support.log_lines import log_lines, only_log_line
from tests.support.peers import dead_server
from tests.support.receiver import receiving
from tests.support.watched_ports import WatchedTopics
from videovector_bridge.errors import BackendError
from videovector_bridge.events import parse_time
from videovector_bridge.watch.canary.endpoint import Endpoint, entry_point


def fail(*_: object, **__: object) -> NoReturn:
    """Fail as a service does."""
    raise BackendError("made up")


def crash(*_: object, **__: object) -> NoReturn:
    """Meet a bug."""
    raise ZeroDivisionError("hidden-word")


def test_each_channel_has_a_log_line(embedded: Canary, capsys: pytest.CaptureFixture[str]) -> None:
    """With the same facts as its report; only a dead channel is an error."""
    window = {"outcome": "failed", "stop_reason": "unreachable", "message": "Made up."}
    embedded.write_stream("down", last_window=window | {"ended_at": ago(seconds=9)}, windows=9)
    embedded.write_stream("up", alive_at=ago(seconds=9))
    reports = embedded.check(STREAMS='{"down": {"run_id": "a"}, "up": {"run_id": "b"}}')
    lines = {line["channel"]: line for line in log_lines(capsys)}

    assert {name: (line["event"], line["severity"]) for name, line in lines.items()} == {
        "stream:down": ("canary.dead", "ERROR"),
        "stream:up": ("canary.alive", "INFO"),
        "webhook": ("canary.absent", "INFO"),
    }
    for name, line in lines.items():
        assert {key: line[key] for key in reports[name]} == reports[name]


def test_a_run_is_noted_for_status(canary: Canary) -> None:
    """With its time and its reports."""
    canary.write_stream(alive_at=ago(seconds=9))
    reports = canary.check()
    stored = canary.backend.documents.read("checks", "canary", timeout=10)

    assert stored is not None
    assert parse_time(stored.fields["at"]) is not None
    assert {each["channel"]: each for each in stored.fields["channels"]} == reports


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"VIDEO_VECTOR_API_KEY": "wrong-key"}, "credential_refused"),  # pragma: allowlist secret
        ({"VIDEO_VECTOR_BASE_URL": f"http://{dead_server()}/api/v2"}, "unreachable"),
    ],
)
def test_an_api_that_cannot_be_used_is_no_dead_channel(
    embedded: Canary,
    variables: dict[str, str],
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """503 with the reason: other alerts concern it, and no channel has a state."""
    response = embedded.post(**variables)
    line = only_log_line(capsys)

    assert (response.status_code, response.get_json()["reason"]) == (503, reason)
    assert (line["event"], line["severity"], line["reason"]) == ("canary.failed", "ERROR", reason)
    assert not embedded.published(1)


def test_wrong_settings_are_named_at_once(
    embedded: Canary, capsys: pytest.CaptureFixture[str]
) -> None:
    """500 with every wrong variable."""
    response = embedded.post(CANARY_SECONDS="0", LANES="0", CANARY_STREAM_SECONDS="soon")
    line = only_log_line(capsys)

    assert (response.status_code, response.get_json()["reason"]) == (500, "settings_wrong")
    assert (line["event"], len(line["problems"])) == ("canary.settings_wrong", 3)


def test_a_subscription_that_does_not_exist_is_a_failure(canary: Canary) -> None:
    """Not a dead webhook: the canary cannot see the topic. Without a webhook it needs none."""
    assert canary.post(CANARY_SUBSCRIPTION="missing").status_code == 200
    with receiving() as receiver:
        create_webhook(canary.standin, receiver.url)
        response = canary.post(CANARY_SUBSCRIPTION="missing")

    assert response.status_code == 503
    assert response.get_json()["reason"] == "subscription_unavailable"


@pytest.mark.parametrize("port", ["documents", "topics"])
def test_a_backend_that_fails_is_a_failure(
    embedded: Canary, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 with the reason. What was learned is logged before it is published."""
    backend = embedded.backend
    if port == "topics":
        topics = WatchedTopics(backend.topics, before=fail)
        embedded.changes["backend"] = replace(backend, topics=topics)
    else:
        embedded.changes["backend"] = replace(backend, documents=Unreadable())
    response = embedded.post()
    events = [line["event"] for line in log_lines(capsys)]

    assert response.status_code == 503
    if port == "topics":
        assert response.get_json()["reason"] == "publish_failed"
        assert events == ["canary.absent", "canary.absent", "canary.failed"]
    else:
        assert response.get_json()["reason"] == "state_unavailable"
        assert events == ["canary.failed"]


class Unreadable:
    """Documents that cannot be read."""

    read = write = staticmethod(fail)


def test_a_bug_is_reported(embedded: Canary, capsys: pytest.CaptureFixture[str]) -> None:
    """500 with the trace in the log."""
    embedded.changes["open_client"] = crash
    response = embedded.post()
    line = only_log_line(capsys)

    assert (response.status_code, response.get_json()["reason"]) == (500, "crashed")
    assert (line["event"], line["severity"]) == ("canary.crashed", "CRITICAL")
    assert "ZeroDivisionError" in line["stack_trace"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_checks(embedded: Canary, method: str) -> None:
    """405 for everything else."""
    app: Any = host(entry_point(Endpoint(embedded.environ)))

    assert app.test_client().open("/", method=method).status_code == 405


def test_no_key_is_shown(
    embedded: Canary, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in responses and not in the log, whatever fails."""
    key = "opaque-0123456789-credential"
    response = embedded.post(VIDEO_VECTOR_API_KEY=key)
    shown = capsys.readouterr()

    assert response.status_code == 503
    assert key not in response.text + shown.out + shown.err + caplog.text
