"""`watch.canary.stream`: quiet, silent, failing, paused and new streams differ."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.api.stream import Hearing
from videovector_bridge.ingest import stream_document
from videovector_bridge.watch.canary.report import ChannelReport
from videovector_bridge.watch.canary.stream import COLLECTION, judge_document, judge_hearing

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
BOUND = 900.0
LISTEN = ("listen", "")


def ago(seconds: float) -> str:
    """Return a time in the past, or with a negative number in the future."""
    return (NOW - timedelta(seconds=seconds)).isoformat()


def window(seconds: float, outcome: str = "idle", reason: str = "idle") -> dict[str, Any]:
    """Return the last window, which ended so many seconds ago."""
    return {"outcome": outcome, "stop_reason": reason, "message": "Why.", "ended_at": ago(seconds)}


def judge(fields: dict[str, Any] | None, age_seconds: float = 20.0) -> tuple[str, str]:
    """Return state and reason."""
    report = judge_document("s", fields, age_seconds, now=NOW, bound_seconds=BOUND)
    return (report.state, report.reason) if report is not None else LISTEN


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (None, ("absent", "no_window")),
        ({"alive_at": ago(0)}, ("alive", "recent")),
        ({"alive_at": ago(900)}, ("alive", "recent")),
        ({"alive_at": ago(-30)}, ("alive", "recent")),
        ({"alive_at": ago(901), "last_window": window(20)}, LISTEN),
        ({"alive_at": ago(-9_000), "last_window": window(20)}, LISTEN),
        ({"alive_at": "soon", "last_window": window(20)}, LISTEN),
        ({"last_window": window(20)}, LISTEN),
        ({"last_window": window(20, "failed", "unreachable")}, ("dead", "unreachable")),
        ({"last_window": window(20, "failed", "cursor_refused")}, ("dead", "cursor_refused")),
        ({"last_window": window(20, "failed", "scope_refused")}, ("unknown", "scope_refused")),
        (
            {"last_window": window(20, "failed", "credential_refused")},
            ("unknown", "credential_refused"),
        ),
        (
            {"last_window": window(20, "failed", "unreachable"), "alive_at": ago(100)},
            ("alive", "recent"),
        ),
        ({"not_before": ago(-60), "alive_at": ago(5_000)}, ("unknown", "backing_off")),
        ({"not_before": ago(60), "last_window": window(20)}, LISTEN),
        ({"not_before": "2999-01-01T00:00:00Z", "last_window": window(20)}, LISTEN),
        ({"paused": {"since": "x", "by": "y", "reason": "z"}}, ("paused", "paused")),
        ({"paused": True, "alive_at": ago(0)}, ("paused", "paused")),
        ({"paused": None, "alive_at": ago(0)}, ("alive", "recent")),
        ({"windows": 1, "last_window": None}, ("absent", "first_window")),
        ({"windows": 900, "last_window": None}, ("unknown", "windows_do_not_end")),
        ({"windows": 900, "last_window": "by hand"}, ("unknown", "windows_do_not_end")),
        ({"windows": 900, "last_window": window(5_000)}, ("unknown", "windows_do_not_end")),
    ],
)
def test_the_state_follows_from_the_document(
    fields: dict[str, Any] | None, expected: tuple[str, str]
) -> None:
    """Dead needs evidence; a stream that may be quiet is listened to."""
    assert judge(fields) == expected


@pytest.mark.parametrize("last", [None, window(5_000), window(5_000, "failed", "unreachable")])
def test_a_stream_that_is_not_drained_is_dead(last: dict[str, Any] | None) -> None:
    """Nothing has written its document for longer than the bound."""
    assert judge({"windows": 900, "last_window": last}, 5_000) == ("dead", "not_drained")


@given(
    st.dictionaries(
        st.sampled_from(["alive_at", "not_before", "last_window", "paused", "windows"]),
        st.none()
        | st.text()
        | st.integers()
        | st.sampled_from([ago(10), ago(5_000), window(10), window(5_000), {}]),
    ),
    st.floats(0, 1e9),
)
def test_any_document_has_a_state(fields: dict[str, Any], age_seconds: float) -> None:
    """People edit documents. Recent signs of life never lead to an alert."""
    state, _ = judge(fields, age_seconds)

    if fields.get("alive_at") == ago(10):
        assert state in ("alive", "paused")


@pytest.mark.parametrize(
    ("hearing", "state"),
    [("heard", "alive"), ("no_content", "alive"), ("closed", "unknown"), ("silent", "dead")],
)
def test_what_the_canary_hears_decides(hearing: Hearing, state: str) -> None:
    """Only silence for the whole time is evidence of a dead stream."""
    report = judge_hearing("s", {"alive_at": ago(5_000)}, hearing, silent_seconds=30)

    assert isinstance(report, ChannelReport)
    assert report.channel == "stream:s"
    assert report.state == state
    assert bool(report.what_to_do) == (state == "dead")


def test_the_collection_is_that_of_drain() -> None:
    """`watch` does not import `ingest`."""
    assert COLLECTION == stream_document.COLLECTION
