"""The times and types that a replay covers. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from videovector_bridge.backends.reading_ports import PublishedMessage
from videovector_bridge.cli.options import find_duration
from videovector_bridge.events import TYPE_PREFIX


@dataclass(frozen=True, slots=True)
class Interval:
    """Publish times from `since` to before `until`, and a glob of event types (empty: all)."""

    since: datetime
    until: datetime
    glob: str = ""

    def includes(self, message: PublishedMessage) -> bool:
        """Whether to publish a message again. One without a type matches no glob."""
        if not self.since <= message.published_at < self.until:
            return False
        type_ = message.message.attributes.get("ce-type", "").removeprefix(TYPE_PREFIX)
        return not self.glob or (bool(type_) and fnmatchcase(type_, self.glob))


def parse_interval(since: str, until: str, glob: str, now: datetime) -> tuple[Interval, list[str]]:
    """Parse the options `--from` and `--to`; return the interval, and what is wrong with them.

    Each is a time in ISO 8601 with its zone, or a duration before `now`, such as 2h.
    """
    problems: list[str] = []
    start, end = _parse("--from", since, now, problems), _parse("--to", until, now, problems)
    if not problems and start >= end:
        problems.append(f"--from ({format_time(start)}) must be before --to ({format_time(end)})")
    if end > now:
        # Otherwise a replay from the topic would publish its own messages again, without end.
        problems.append("--to must not be in the future")
    return Interval(start, end, glob), problems


def _parse(option: str, text: str, now: datetime, problems: list[str]) -> datetime:
    if (seconds := find_duration(text)) is not None:
        return now - timedelta(seconds=seconds)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        problems.append(
            f"{option} must be a time such as 2026-01-31T08:00:00Z, or a duration ago such as 2h, "
            f"not {text[:80]!r}"
        )
        return now
    if time.tzinfo is None:
        problems.append(f"{option} {text!r} has no time zone: append Z if it is UTC")
        return now
    return time.astimezone(UTC)


def format_time(time: datetime) -> str:
    """Return a time in ISO 8601 in UTC, with the digits that it needs. The options accept it."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
