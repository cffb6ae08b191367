"""`watch.status.streams`: the state of a stream, and its words."""

from typing import Any

import pytest

from tests.support.status_facts import DEPLOYMENT, NOW, ago, facts, stream_document
from videovector_bridge.settings.deployment import DeployedStream
from videovector_bridge.watch.status.facts import StreamDocument, Unread
from videovector_bridge.watch.status.line import Line
from videovector_bridge.watch.status.stream_states import find_states, view_stream
from videovector_bridge.watch.status.streams import describe_streams


def line_of(document: StreamDocument | None) -> Line:
    """Return the line about the stream `default`."""
    documents = () if document is None else (document,)
    return next(describe_streams(facts(streams=documents)))


def failed(reason: str, **changes: Any) -> dict[str, Any]:
    """Return the last window of a stream that failed."""
    return {"outcome": "failed", "stop_reason": reason, "message": "It failed.", **changes}


def test_a_stream_that_is_well_has_its_position_in_one_line() -> None:
    """Cursor, last window, events, heartbeats and lag."""
    line = line_of(stream_document())

    assert (line.severity, line.state) == ("ok", "ok")
    assert line.text == (
        "cursor evt_1; last window 20 s ago: drained (idle), 3 events, 1 heartbeat, lag 2 s"
    )


STATES = {
    "not_drained": stream_document(age=700.0),
    "cursor_refused": stream_document(last_window=failed("cursor_refused")),
    "key_refused": stream_document(last_window=failed("scope_refused")),
    "window_failed": stream_document(last_window=failed("unreachable"), alive_at=ago(60)),
    "failing": stream_document(last_window=failed("unreachable"), alive_at=ago(3_600)),
    "silent": stream_document(alive_at=ago(1_000)),
    "late": stream_document(last_window={"lag_seconds": 901.0}),
    "paused": stream_document(paused={"since": ago(60), "reason": "CRM", "by": "ana@laptop"}),
    "backing_off": stream_document(not_before=ago(-60)),
    "window_died": stream_document(age=60.0, lease_owner="w", lease_seconds=30),
    "never_drained": None,
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_recognized(state: str) -> None:
    """Each document differs from a healthy one in one respect."""
    assert line_of(STATES[state]).state == state


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("not_drained", "no window has ended for 12 min"),
        ("cursor_refused", "cursor_refused: It failed."),
        ("failing", "nothing arrived since 2026-11-27T02:00:00+00:00: unreachable: It failed."),
        ("silent", "windows end well, but neither event nor heartbeat has arrived for 17 min"),
        ("late", "the newest drained event was 15 min old"),
        ("paused", "paused since 2026-11-27T02:59:00.000+00:00 by ana@laptop: CRM"),
        ("backing_off", "no request before 2026-11-27T03:01:00+00:00"),
    ],
)
def test_the_reason_comes_first(state: str, words: str) -> None:
    """A person reads the beginning of the line."""
    assert line_of(STATES[state]).text.startswith(words)


def test_a_quiet_stream_is_not_silent() -> None:
    """Heartbeats arrive: `alive_at` is recent, although no event came for a day."""
    window = {"outcome": "idle", "events": 0, "lag_seconds": None}

    assert line_of(stream_document(last_window=window)).state == "ok"


def test_a_document_from_before_heartbeats_is_not_silent() -> None:
    """Without `alive_at`, nothing is known about heartbeats, and nothing is shown."""
    window = {"heartbeats": None, "events": None, "lag_seconds": None}
    line = line_of(stream_document(alive_at=None, last_window=window))

    assert line.state == "ok"
    assert "heartbeat" not in line.text


def test_a_running_first_window_is_no_problem() -> None:
    """No window has ended, but one has the lease."""
    document = stream_document(
        age=5.0, lease_owner="w", alive_at=None, cursor=None, last_window={"ended_at": None}
    )
    line = line_of(document)

    assert line.state == "ok"
    assert line.text == "no cursor, begins at latest; a window is running (lease 25 s)"


def test_a_document_that_only_a_pause_created_is_paused() -> None:
    """A stream may be paused before its first window."""
    assert line_of(StreamDocument("default", {"paused": "by hand"}, 5.0)).state == "paused"


def test_all_states_are_in_the_facts() -> None:
    """Also those that the first one hides in the text."""
    line = line_of(stream_document(age=4_000.0, last_window=failed("unreachable")))

    assert line.facts["states"] == ["not_drained", "failing", "ok"]


@pytest.mark.parametrize(
    ("schedule", "age", "state"),
    [
        ("* * * * *", 590.0, "ok"),
        ("*/30 * * * *", 5_300.0, "ok"),
        ("*/30 * * * *", 5_500.0, "not_drained"),
        ("", 601.0, "not_drained"),
    ],
)
def test_silence_is_measured_in_intervals_of_the_schedule(
    schedule: str, age: float, state: str
) -> None:
    """Three of them, and at least 10 minutes, as alerts do."""
    described = DeployedStream("default", schedule, 50.0, {})
    stream = view_stream(described, stream_document(age=age), NOW)

    assert next(find_states(stream))[0] == state


def test_a_document_without_a_stream_is_left_over() -> None:
    """The stream was removed or renamed."""
    lines = list(describe_streams(facts(streams=(stream_document(), stream_document("old")))))

    assert [(line.name, line.state) for line in lines] == [("default", "ok"), ("old", "left_over")]


def test_a_store_that_cannot_be_read_is_one_line() -> None:
    """It has the reason."""
    (line,) = describe_streams(facts(streams=Unread("streams: grant roles/datastore.user")))

    assert (line.severity, line.state) == ("problem", "unreadable")
    assert "roles/datastore.user" in line.text
    assert DEPLOYMENT.streams
