"""Alerts on streams follow their schedules: planned policies over simulated windows and calls."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.log_entries import attempt_entry, line_entry
from tests.support.logging_filter import Entry
from tests.support.monitoring import Monitoring
from tests.support.outcomes_in_code import find_stop_reasons
from tests.support.promql import Labels
from tests.support.recorded_lines import report_of, window_line

MINUTE, HOUR, DAY = 60, 3_600, 86_400
Timeline = Sequence[tuple[float, Entry]]
"""Entries and their times in seconds, in order."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the function that writes the lines."""
    return tmp_path


def window(folder: Path, reason: str, stream: str = "default", service: str = "drain") -> Entry:
    """A window that read nothing, and the reason that ended it."""
    line = window_line(report_of(reason, events=0), folder) | {"stream": stream}
    return line_entry(line, service)


def every(
    seconds: float, entry: Entry, *, start: float, end: float
) -> Iterator[tuple[float, Entry]]:
    """The same entry at regular times."""
    return (
        (time, entry)
        for time in itertools.takewhile(lambda at: at < end, itertools.count(start, seconds))
    )


def merged(*timelines: Iterable[tuple[float, Entry]]) -> Timeline:
    """Entries in order of time."""
    return sorted(itertools.chain(*timelines), key=lambda pair: pair[0])


def of_stream(name: str) -> Labels:
    """The labels of an incident of a stream."""
    return frozenset({("stream", name)})


# Draining fails


def test_failures_without_a_success_raise_an_alert(monitoring: Monitoring, folder: Path) -> None:
    """15 minutes after the last success of a stream that is drained every minute."""
    good, bad = window(folder, "idle"), window(folder, "unreachable")
    lines = merged(
        every(MINUTE, good, start=50, end=HOUR), every(MINUTE, bad, start=HOUR + 50, end=2 * HOUR)
    )

    fired = monitoring.first_alerts("drain-failing", lines, until=2 * HOUR)

    assert set(fired) == {of_stream("default")}
    assert HOUR + 10 * MINUTE <= fired[of_stream("default")] <= HOUR + 16 * MINUTE


def test_one_success_in_ten_minutes_is_enough(monitoring: Monitoring, folder: Path) -> None:
    """Failures that come and go raise no alert."""
    good, bad = window(folder, "deadline"), window(folder, "api_unavailable")
    lines = merged(
        every(9 * MINUTE, good, start=50, end=6 * HOUR), every(MINUTE, bad, start=80, end=6 * HOUR)
    )

    assert monitoring.first_alerts("drain-failing", lines, until=6 * HOUR) == {}


@pytest.mark.parametrize(("stream", "gap"), [("fast", MINUTE), ("medium", 30 * MINUTE)])
def test_one_bad_window_raises_no_alert(
    second: Monitoring, folder: Path, stream: str, gap: int
) -> None:
    """At any schedule: the window before it and the one after it succeed."""
    good = window(folder, "idle", stream, "two-drain")
    bad = window(folder, "rate_limited", stream, "two-drain")
    lines = [
        (at + 50, bad if number == 20 else good)
        for number, at in enumerate(range(0, 40 * gap, gap))
    ]

    assert second.first_alerts("drain-failing", lines, until=40 * gap) == {}


def test_a_slow_stream_is_given_three_intervals(second: Monitoring, folder: Path) -> None:
    """Drained every 30 minutes, it raises the alert 95 minutes after its last success."""
    good = window(folder, "idle", "medium", "two-drain")
    bad = window(folder, "unreachable", "medium", "two-drain")
    lines = merged(
        every(30 * MINUTE, good, start=50, end=5 * HOUR),
        every(30 * MINUTE, bad, start=5 * HOUR + 50, end=10 * HOUR),
    )

    fired = second.first_alerts("drain-failing", lines, until=10 * HOUR)

    last = 4 * HOUR + 30 * MINUTE + 50
    assert last + 90 * MINUTE <= fired[of_stream("medium")] <= last + 97 * MINUTE


def test_a_failing_stream_is_not_hidden_by_another(second: Monitoring, folder: Path) -> None:
    """Each stream is judged by its own windows."""
    good = window(folder, "max_events", "fast", "two-drain")
    bad = window(folder, "unreachable", "medium", "two-drain")
    lines = merged(
        every(MINUTE, good, start=50, end=5 * HOUR), every(30 * MINUTE, bad, start=50, end=5 * HOUR)
    )

    assert set(second.first_alerts("drain-failing", lines, until=5 * HOUR)) == {of_stream("medium")}


def test_a_failure_between_long_windows_raises_no_alert(second: Monitoring, folder: Path) -> None:
    """A window of 28 minutes makes the calls of every minute find a busy stream."""
    lines = merged(
        every(1_740, window(folder, "deadline", "long", "two-drain"), start=1_700, end=20_000),
        [(19_200.0, window(folder, "unreachable", "long", "two-drain"))],
        every(MINUTE, window(folder, "busy", "long", "two-drain"), start=10, end=25_000),
        every(1_740, window(folder, "deadline", "long", "two-drain"), start=20_900, end=25_000),
    )

    assert second.first_alerts("drain-failing", lines, until=25_000) == {}


def test_a_paused_stream_raises_no_alert(monitoring: Monitoring, folder: Path) -> None:
    """It fails, an operator pauses it, and its windows end at once as `paused` for a day."""
    bad = window(folder, "unreachable")
    report = window_line(report_of("idle", events=0), folder)
    fields = {"stream": "default", "outcome": "paused", "stop_reason": "paused"}
    paused = line_entry({**report, **fields}, "drain")
    lines = merged(
        every(MINUTE, bad, start=50, end=5 * MINUTE),
        every(MINUTE, paused, start=5 * MINUTE, end=DAY),
    )

    for alert in ("drain-failing", "drain-silent"):
        assert monitoring.first_alerts(alert, lines, until=DAY) == {}


# The alert that each reason raises at once, if any. A failure that persists raises `drain-failing`.
REASONS = {
    **dict.fromkeys(("deadline", "idle", "max_bytes", "max_events"), ""),
    **dict.fromkeys(
        ("retry_later", "server_closed", "handed_over", "busy", "backing_off", "paused"), ""
    ),
    **dict.fromkeys(("api_unavailable", "rate_limited", "stream_error", "unreachable"), ""),
    **dict.fromkeys(("frame_unfinished", "lease_lost", "publish_failed", "request_refused"), ""),
    "state_unavailable": "",
    **dict.fromkeys(("credential_refused", "scope_refused"), "credential-refused"),
    **dict.fromkeys(("cursor_refused", "filters_changed", "host_changed"), "cursor-refused"),
}


def test_each_stop_reason_has_an_alert_or_none() -> None:
    """A new one needs a decision here, and a row in docs/operating.md if it is a failure."""
    assert set(REASONS) == find_stop_reasons()


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_one_window_raises_the_alert_of_its_reason(
    monitoring: Monitoring, folder: Path, reason: str
) -> None:
    """At once if a person must act; other failures must persist."""
    lines = [(125.0, window(folder, reason)), (185.0, window(folder, "idle"))]
    alerts = ("credential-refused", "cursor-refused", "drain-failing", "drain-silent")

    fired = {
        alert: times
        for alert in alerts
        if (times := monitoring.first_alerts(alert, lines, until=11 * MINUTE))
    }

    alert = REASONS[reason]
    assert fired == ({alert: {of_stream("default"): 180}} if alert else {})


# A stream is not drained


def test_a_stream_that_becomes_silent_raises_an_alert(second: Monitoring, folder: Path) -> None:
    """Also if others are drained; the job is paused, so that nothing calls `drain`."""
    lines = merged(
        every(MINUTE, window(folder, "idle", "fast", "two-drain"), start=50, end=HOUR),
        every(30 * MINUTE, window(folder, "idle", "medium", "two-drain"), start=50, end=5 * HOUR),
    )

    fired = second.first_alerts("drain-silent", lines, until=5 * HOUR)

    assert set(fired) == {of_stream("fast")}
    assert HOUR + 19 * MINUTE <= fired[of_stream("fast")] <= HOUR + 21 * MINUTE


def test_the_first_deployment_raises_no_alert(second: Monitoring, folder: Path) -> None:
    """Before its first window a stream has no past; late grants fail its first calls."""
    timelines = []
    for stream, gap, ready in (("fast", MINUTE, 6 * MINUTE), ("medium", 30 * MINUTE, 30 * MINUTE)):
        job, idle = f"two-drain-{stream}", window(folder, "idle", stream, "two-drain")
        timelines += [
            every(gap, attempt_entry(job, 403), start=0, end=ready),
            every(gap, attempt_entry(job), start=ready, end=2 * HOUR),
            every(gap, idle, start=ready, end=2 * HOUR),
        ]
    lines = merged(*timelines)

    for alert in second.policies:
        if alert != "cursor-age":  # a distribution
            assert second.first_alerts(alert, lines, until=2 * HOUR) == {}, alert


@pytest.mark.parametrize(
    ("stream", "gap", "latest"),
    [("fast", MINUTE, 14 * MINUTE), ("medium", 30 * MINUTE, 75 * MINUTE)],
)
def test_a_stream_that_never_had_a_window_raises_an_alert(
    second: Monitoring, stream: str, gap: int, latest: int
) -> None:
    """Cloud Scheduler calls `drain`, and no window ends: refused calls, or a process that dies."""
    calls = every(gap, attempt_entry(f"two-drain-{stream}", 403), start=1, end=4 * HOUR)

    fired = second.first_alerts("drain-silent", list(calls), until=4 * HOUR)

    assert set(fired) == {of_stream(stream)}
    assert fired[of_stream(stream)] <= latest


def test_a_stream_that_is_drained_is_not_silent(second: Monitoring, folder: Path) -> None:
    """At any outcome, and at the end of a day."""
    outcomes = itertools.cycle(["idle", "unreachable", "busy", "backing_off", "deadline"])
    lines = [
        (at, window(folder, reason, "medium", "two-drain"))
        for at, reason in zip(range(50, DAY, 30 * MINUTE), outcomes, strict=False)
    ]

    assert second.first_alerts("drain-silent", lines, until=DAY) == {}


def test_a_daily_stream_is_never_called_silent(second: Monitoring) -> None:
    """A day has one window: Cloud Monitoring cannot look back further."""
    assert "daily" in second.policies["drain-failing"].query
    assert "daily" not in second.policies["drain-silent"].query
