"""Alerts on streams follow their schedules: planned policies over simulated windows and calls."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.log_entries import line_entry
from tests.support.logging_filter import Entry
from tests.support.monitoring import Monitoring
from tests.support.outcomes_in_code import find_stop_reasons
from tests.support.promql import Labels, evaluate
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


def undrained_at(
    monitoring: Monitoring, stream: str, lines: Iterable[tuple[float, Entry]], *, until: float
) -> float | None:
    """When the alert on a stream that is not drained is raised; None if it is not."""
    return monitoring.first_alerts("not-drained", lines, until=until).get(of_stream(stream))


# Windows fail


def test_failures_without_a_success_raise_an_alert(monitoring: Monitoring, folder: Path) -> None:
    """15 minutes after the last success of a stream that is drained every minute."""
    good, bad = window(folder, "idle"), window(folder, "unreachable")
    lines = merged(
        every(MINUTE, good, start=50, end=HOUR), every(MINUTE, bad, start=HOUR + 50, end=2 * HOUR)
    )

    fired = monitoring.first_alerts("not-drained", lines, until=2 * HOUR)

    assert set(fired) == {of_stream("default")}
    assert HOUR + 10 * MINUTE <= fired[of_stream("default")] <= HOUR + 16 * MINUTE


def test_one_success_in_ten_minutes_is_enough(monitoring: Monitoring, folder: Path) -> None:
    """Failures that come and go raise no alert."""
    good, bad = window(folder, "deadline"), window(folder, "api_unavailable")
    lines = merged(
        every(9 * MINUTE, good, start=50, end=6 * HOUR), every(MINUTE, bad, start=80, end=6 * HOUR)
    )

    assert undrained_at(monitoring, "default", lines, until=6 * HOUR) is None


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

    assert undrained_at(second, stream, lines, until=40 * gap) is None


def test_a_slow_stream_is_given_three_intervals(second: Monitoring, folder: Path) -> None:
    """Drained every 30 minutes, it raises the alert 95 minutes after its last success."""
    good = window(folder, "idle", "medium", "two-drain")
    bad = window(folder, "unreachable", "medium", "two-drain")
    lines = merged(
        every(30 * MINUTE, good, start=50, end=5 * HOUR),
        every(30 * MINUTE, bad, start=5 * HOUR + 50, end=10 * HOUR),
    )

    fired = undrained_at(second, "medium", lines, until=10 * HOUR)

    last = 4 * HOUR + 30 * MINUTE + 50
    assert fired is not None
    assert last + 90 * MINUTE <= fired <= last + 97 * MINUTE


def test_a_failing_stream_is_not_hidden_by_another(second: Monitoring, folder: Path) -> None:
    """Each stream is judged by its own windows."""
    good = window(folder, "max_events", "fast", "two-drain")
    bad = window(folder, "unreachable", "medium", "two-drain")
    lines = merged(
        every(MINUTE, good, start=50, end=5 * HOUR), every(30 * MINUTE, bad, start=50, end=5 * HOUR)
    )

    assert undrained_at(second, "medium", lines, until=5 * HOUR) is not None
    assert undrained_at(second, "fast", lines, until=5 * HOUR) is None


def test_a_failure_between_long_windows_raises_no_alert(second: Monitoring, folder: Path) -> None:
    """A window of 28 minutes makes the calls of every minute find a busy stream."""
    lines = merged(
        every(1_740, window(folder, "deadline", "long", "two-drain"), start=1_700, end=20_000),
        [(19_200.0, window(folder, "unreachable", "long", "two-drain"))],
        every(MINUTE, window(folder, "busy", "long", "two-drain"), start=10, end=25_000),
        every(1_740, window(folder, "deadline", "long", "two-drain"), start=20_900, end=25_000),
    )

    assert undrained_at(second, "long", lines, until=25_000) is None


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

    assert monitoring.first_alerts("not-drained", lines, until=DAY) == {}


def test_a_daily_stream_raises_an_alert_after_one_failure(second: Monitoring, folder: Path) -> None:
    """A day has one window: Cloud Monitoring cannot look back further."""
    good = window(folder, "idle", "daily", "two-drain")
    bad = window(folder, "unreachable", "daily", "two-drain")
    lines = [(6.0 * HOUR, good), (6.0 * HOUR + DAY, bad)]

    fired = undrained_at(second, "daily", lines, until=2 * DAY)

    assert fired is not None
    assert 6 * HOUR + DAY <= fired <= 6 * HOUR + DAY + 10 * MINUTE
    assert undrained_at(second, "daily", lines[:1], until=2 * DAY) is None


@pytest.mark.parametrize("reason", ["busy", "backing_off"])
def test_windows_that_only_wait_do_not_drain(
    monitoring: Monitoring, folder: Path, reason: str
) -> None:
    """A lease that is never released, or an API that asks for no request: events wait."""
    lines = merged(
        every(MINUTE, window(folder, "idle"), start=50, end=HOUR),
        every(MINUTE, window(folder, reason), start=HOUR + 50, end=2 * HOUR),
    )

    fired = undrained_at(monitoring, "default", lines, until=2 * HOUR)

    assert fired is not None
    assert HOUR + 14 * MINUTE <= fired <= HOUR + 16 * MINUTE


# The alert that each reason raises at once, if any. A failure that persists raises `not-drained`.
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
    alerts = ("credential-refused", "cursor-refused", "not-drained")

    fired = {
        alert: times
        for alert in alerts
        if (times := monitoring.first_alerts(alert, lines, until=11 * MINUTE))
    }

    alert = REASONS[reason]
    assert fired == ({alert: {of_stream("default"): 125}} if alert else {})


# No window ends


def test_a_stream_that_becomes_silent_raises_an_alert(second: Monitoring, folder: Path) -> None:
    """Also if others are drained; the job is paused, so that nothing calls `drain`."""
    lines = merged(
        every(MINUTE, window(folder, "idle", "fast", "two-drain"), start=50, end=HOUR),
        every(30 * MINUTE, window(folder, "idle", "medium", "two-drain"), start=50, end=5 * HOUR),
    )

    fired = undrained_at(second, "fast", lines, until=5 * HOUR)

    assert fired is not None
    assert HOUR + 14 * MINUTE <= fired <= HOUR + 16 * MINUTE
    assert undrained_at(second, "medium", lines, until=5 * HOUR) is None


def test_the_first_deployment_raises_no_alert(second: Monitoring, folder: Path) -> None:
    """Late grants fail the first calls, and the first window of a slow stream is late."""
    timelines = [
        every(gap, window(folder, "idle", stream, "two-drain"), start=ready, end=2 * HOUR)
        for stream, gap, ready in (
            ("fast", MINUTE, 6 * MINUTE),
            ("medium", 30 * MINUTE, 30 * MINUTE + 50),
            ("long", 1_740, 1_760),
        )
    ]
    lines = merged(*timelines)

    for alert in second.policies:
        if alert != "cursor-age":  # a distribution
            assert second.first_alerts(alert, lines, until=2 * HOUR) == {}, alert


@pytest.mark.parametrize(
    ("stream", "latest"), [("fast", 14 * MINUTE), ("medium", 75 * MINUTE), ("long", 75 * MINUTE)]
)
def test_a_stream_that_never_had_a_window_raises_an_alert(
    second: Monitoring, stream: str, latest: int
) -> None:
    """Refused calls, a process that dies, a paused job: no window ends, and no metric exists."""
    fired = undrained_at(second, stream, [], until=4 * HOUR)

    assert fired is not None
    assert fired <= latest


def test_the_alert_lasts_until_the_stream_is_drained(second: Monitoring, folder: Path) -> None:
    """Also days after the last window."""
    (query,) = (
        each.query for each in second.policies["not-drained"].conditions if '"fast"' in each.query
    )
    old = second.series([(50.0, window(folder, "idle", "fast", "two-drain"))])

    assert of_stream("fast") in evaluate(query, old, 5 * DAY)
    assert of_stream("fast") not in evaluate(query, old, 60)


def test_two_windows_without_success_in_a_row_raise_no_alert(
    second: Monitoring, folder: Path
) -> None:
    """At any outcome, and at the end of a day."""
    outcomes = itertools.cycle(["idle", "unreachable", "busy", "deadline", "backing_off"])
    lines = [
        (at, window(folder, reason, "medium", "two-drain"))
        for at, reason in zip(range(50, DAY, 30 * MINUTE), outcomes, strict=False)
    ]

    assert undrained_at(second, "medium", lines, until=DAY) is None


def test_a_daily_stream_is_never_called_silent(second: Monitoring) -> None:
    """A day has one window: Cloud Monitoring cannot look back further."""
    assert undrained_at(second, "daily", [], until=2 * DAY) is None
