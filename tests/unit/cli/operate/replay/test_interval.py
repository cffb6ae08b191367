"""`cli.operate.replay.interval`: the options `--from` and `--to`, and what they include."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.replays import HOUR, NOON, published
from videovector_bridge.cli.operate.replay.interval import Interval, format_time, parse_interval


def test_times_are_iso_8601_or_durations_ago() -> None:
    """Both forms may be mixed; the result is in UTC."""
    interval, problems = parse_interval("2026-01-31T09:00:00+01:00", "2h", "media.*", NOON)

    assert problems == []
    assert interval == Interval(datetime(2026, 1, 31, 8, tzinfo=UTC), NOON - 2 * HOUR, "media.*")


@pytest.mark.parametrize(
    ("since", "until", "problem"),
    [
        ("yesterday", "1h", "--from must be a time such as"),
        ("2h", "2026-01-31T10:00:00", "--to '2026-01-31T10:00:00' has no time zone"),
        ("1h", "2h", "must be before --to"),
        ("1h", "1h", "must be before --to"),
        ("1h", "2026-01-31T12:00:01Z", "--to must not be in the future"),
    ],
)
def test_a_wrong_interval_is_refused(since: str, until: str, problem: str) -> None:
    """With a sentence that names the option."""
    _, problems = parse_interval(since, until, "", NOON)

    assert len(problems) == 1
    assert problem in problems[0]


def test_every_wrong_option_is_named() -> None:
    """Not only the first one."""
    _, problems = parse_interval("x", "y", "", NOON)

    assert len(problems) == 2


def test_the_printed_times_repeat_the_interval() -> None:
    """To the microsecond: a replay that failed is repeated with them."""
    since, until = NOON - timedelta(microseconds=1), NOON
    interval, _ = parse_interval(format_time(since), format_time(until), "", NOON)

    assert (interval.since, interval.until) == (since, until)


@pytest.mark.parametrize(
    ("at", "included"),
    [
        (NOON - timedelta(microseconds=1), False),
        (NOON, True),
        (NOON + HOUR - timedelta(microseconds=1), True),
        (NOON + HOUR, False),
    ],
)
def test_an_interval_has_its_beginning_and_not_its_end(at: datetime, included: bool) -> None:  # noqa: FBT001
    """Two intervals side by side have each message once."""
    assert Interval(NOON, NOON + HOUR).includes(published("a", at)) == included


def test_a_glob_selects_event_types() -> None:
    """Without their prefix; a message without a type matches none."""
    interval = Interval(NOON, NOON + HOUR, "prompt_run.*")

    assert interval.includes(published("a", event_type="prompt_run.failed"))
    assert not interval.includes(published("a", event_type="media.created"))
    assert not Interval(NOON, NOON + HOUR, "*").includes(published("a", event_type=""))
