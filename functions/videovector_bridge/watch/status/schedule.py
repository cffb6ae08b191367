"""The longest expected time between two windows of a stream, from its cron schedule. Pure.

As Terraform derives it for alerts (docs/operating.md, "Alerts"): from minutes and hours. A schedule
on certain days counts as a week.
"""

from itertools import pairwise
from typing import Final

_DAY: Final = 24 * 60
_WEEK_SECONDS: Final = 7 * 86_400.0


def longest_gap_seconds(schedule: str) -> float | None:
    """Return the longest gap in seconds; None for a schedule that is unknown or unreadable."""
    fields = schedule.split()
    if len(fields) != 5:
        return None
    try:
        minutes, hours = _expand(fields[0], 60), _expand(fields[1], 24)
    except ValueError:
        return None
    if not minutes or not hours:
        return None
    if fields[2:] != ["*", "*", "*"]:
        return _WEEK_SECONDS
    times = [hour * 60 + minute for hour in sorted(hours) for minute in sorted(minutes)]
    gaps = [later - earlier for earlier, later in pairwise([*times, times[0] + _DAY])]
    return max(gaps) * 60.0


def _expand(field: str, size: int) -> set[int]:
    """Return the values of a field such as `*`, `*/5`, `0-30/10` or `1,15`."""
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start = 0 if span == "*" else int(first)
        end = size - 1 if span == "*" or (step and not last) else int(last or first)
        values.update(range(start, min(end, size - 1) + 1, int(step or 1)))
    return values
