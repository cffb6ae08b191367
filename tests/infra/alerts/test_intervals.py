"""The longest expected time between two windows, derived from a schedule in HCL."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support import ROOT

SOURCES = [
    ROOT / "infra" / "modules" / "bridge" / f"{name}.tf" for name in ("intervals", "profile")
]
VARIABLES = """
variable "profile" {
  default = "economy"
}
variable "streams" {
  type = map(object({
    schedule = optional(string), window_seconds = number, idle_seconds = optional(number)
    profile = optional(string)
    lease_seconds = optional(number)
  }))
}
variable "alerts" {
  type = object({ intervals_seconds = map(number) })
}
"""
MINUTE, HOUR, DAY = 60, 3_600, 86_400
# A schedule, and the longest time between two of its runs.
SCHEDULES = {
    "* * * * *": MINUTE,
    "*/1 * * * *": MINUTE,
    "*/5 * * * *": 5 * MINUTE,
    "*/7 * * * *": 7 * MINUTE,
    "*/40 * * * *": 40 * MINUTE,
    "17 * * * *": HOUR,
    "0,10 * * * *": 50 * MINUTE,
    "10,0 * * * *": 50 * MINUTE,
    "0-9 * * * *": 51 * MINUTE,
    "0-30/10 * * * *": 30 * MINUTE,
    "5/20 * * * *": 20 * MINUTE,
    "0 */2 * * *": 2 * HOUR,
    "30 */7 * * *": 7 * HOUR,
    "0 8-18 * * *": 14 * HOUR,
    "*/15 8-18 * * *": 13 * HOUR + 15 * MINUTE,
    "0 6 * * *": DAY,
    "0 6,18 * * *": 12 * HOUR,
    "  0   6  *  *  * ": DAY,
    "* * * * 1-5": 7 * DAY,
    "0 6 * * MON": 7 * DAY,
    "* * 1 * *": 31 * DAY,
    "0 0 1,15 * *": 31 * DAY,
    "* * * 1 *": 31 * DAY,
    # Cloud Scheduler refuses these; the alerts must still plan.
    "75 * * * *": 31 * DAY,
    "*/0 * * * *": 31 * DAY,
    "x * * * *": 31 * DAY,
    "5-1 * * * *": 31 * DAY,
    "* 24 * * *": 31 * DAY,
}


def derive(
    streams: Mapping[str, tuple[str | None, float]], overrides: Mapping[str, float], folder: Path
) -> Any:
    """Return the locals of the file for streams, each a schedule and a window's length.

    Without a schedule, a stream is live.
    """
    for source in SOURCES:
        shutil.copy(source, folder)
    (folder / "variables.tf").write_text(VARIABLES, encoding="utf-8")
    values = {
        "streams": {
            name: {"schedule": schedule, "window_seconds": seconds}
            | ({} if schedule else {"profile": "live"})
            for name, (schedule, seconds) in streams.items()
        },
        "alerts": {"intervals_seconds": overrides},
    }
    (folder / "values.tfvars.json").write_text(json.dumps(values), encoding="utf-8")
    names = {
        "intervals": "intervals",
        "watches": "watches",
        "watched": "_watched_streams",
        "rare": "_rare_streams",
        "periods": "periods",
    }
    expression = ", ".join(f"{name} = local.{local}" for name, local in names.items())
    done = subprocess.run(
        ["terraform", "console", "-var-file=values.tfvars.json"],
        cwd=folder,
        input=f"jsonencode({{ {expression} }})\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(json.loads(done.stdout))


def runs_of(schedule: str) -> list[int]:
    """Return the minutes of a day at which a daily schedule runs, by trying each."""
    fields = schedule.split()[:2]

    def selects(field: str, value: int, last: int) -> bool:
        for term in field.split(","):
            values, _, step = term.partition("/")
            first, _, end = values.partition("-")
            start = 0 if values == "*" else int(first)
            stop = last if values == "*" or (step and not end) else int(end or first)
            if start <= value <= stop and (value - start) % int(step or 1) == 0:
                return True
        return False

    return [
        minute
        for minute in range(24 * 60)
        if selects(fields[0], minute % 60, 59) and selects(fields[1], minute // 60, 23)
    ]


def longest_gap(schedule: str) -> int:
    """Return the longest time between two runs of a daily schedule, in seconds."""
    runs = runs_of(schedule)
    return 60 * max(
        later - earlier for earlier, later in zip(runs, [*runs[1:], runs[0] + 24 * 60], strict=True)
    )


def made_up_field(random: Random, last: int) -> str:
    """Return a random field of a schedule."""

    def term() -> str:
        first, second = sorted(random.sample(range(last + 1), 2))
        values = random.choice(["*", str(first), f"{first}-{second}"])
        return values + random.choice(["", f"/{random.randint(1, last)}"])

    return ",".join(term() for _ in range(random.randint(1, 3)))


def test_the_interval_is_the_longest_gap_of_the_schedule(tmp_path: Path) -> None:
    """Lists, ranges and steps; certain weekdays count as a week, certain days as a month."""
    streams = {f"s{number}": (schedule, 50.0) for number, schedule in enumerate(SCHEDULES)}

    intervals = derive(streams, {}, tmp_path)["intervals"]

    assert {streams[name][0]: interval for name, interval in intervals.items()} == SCHEDULES


def test_any_daily_schedule_is_read(tmp_path: Path) -> None:
    """The interval agrees with the minutes at which the schedule runs."""
    random = Random(15)
    schedules = [
        f"{made_up_field(random, 59)} {made_up_field(random, 23)} * * *" for _ in range(300)
    ]
    streams = {f"s{number}": (schedule, 1.0) for number, schedule in enumerate(schedules)}

    intervals = derive(streams, {}, tmp_path)["intervals"]

    assert len({*intervals.values()}) > 50
    assert [intervals[f"s{number}"] for number in range(len(schedules))] == [
        longest_gap(schedule) for schedule in schedules
    ]


@pytest.mark.parametrize(
    ("schedule", "window_seconds", "interval"),
    [
        ("* * * * *", 60, 60),
        ("* * * * *", 61, 120),
        ("* * * * *", 1_700, 1_740),
        ("*/5 * * * *", 301, 600),
        ("*/5 * * * *", 0.5, 300),
    ],
)
def test_a_window_longer_than_the_gap_skips_runs(
    tmp_path: Path, schedule: str, window_seconds: float, interval: int
) -> None:
    """While a window runs, the next runs of the schedule do nothing."""
    assert derive({"s": (schedule, window_seconds)}, {}, tmp_path)["intervals"] == {"s": interval}


def test_a_live_window_is_expected_each_minute(tmp_path: Path) -> None:
    """The next one takes over before its deadline, however late that is."""
    assert derive({"s": (None, 1_700)}, {}, tmp_path)["intervals"] == {"s": MINUTE}


def test_an_override_replaces_the_derived_interval(tmp_path: Path) -> None:
    """Only for the stream that it names."""
    streams = {"a": ("0 0 1 * *", 50.0), "b": ("*/5 * * * *", 50.0)}

    assert derive(streams, {"a": 7_200}, tmp_path)["intervals"] == {"a": 7_200, "b": 300}


def test_streams_are_watched_by_their_intervals(tmp_path: Path) -> None:
    """Those with the same range and duration share a condition; the rarest have none."""
    streams = {
        "minute": ("* * * * *", 50.0),
        "five": ("*/5 * * * *", 50.0),
        "half": ("*/30 * * * *", 50.0),
        "other": ("0,30 * * * *", 50.0),
        "noon": ("0 0,12 * * *", 50.0),
        "daily": ("0 6 * * *", 50.0),
        "monthly": ("0 6 1 * *", 50.0),
    }

    derived = derive(streams, {}, tmp_path)

    assert derived["watched"] == {
        "300/600": ["minute"],
        "600/600": ["five"],
        "3600/2100": ["half", "other"],
        "46500/43500": ["noon"],
    }
    assert derived["rare"] == ["daily", "monthly"]
    assert set(derived["periods"].values()) == {600, 900, 5_400, DAY}


def test_a_watch_lasts_three_intervals_as_far_as_metrics_reach(tmp_path: Path) -> None:
    """A duration is longer than an interval: a new stream is not called undrained at once."""
    intervals = {f"s{seconds}": seconds for seconds in (60, 61, 299, 600, 3_599, 28_700, 43_200)}
    streams = dict.fromkeys(intervals, ("* * * * *", 50.0))

    watches = derive(streams, intervals, tmp_path)["watches"]

    for name, seconds in intervals.items():
        length, duration = watches[name]["range"], watches[name]["duration"]
        assert duration >= max(600, seconds + 300)
        assert duration % 60 == 0
        assert length >= min(2 * seconds, seconds + 240)
        assert length + duration <= 25 * HOUR
        assert length + duration >= min(3 * seconds, 25 * HOUR)
