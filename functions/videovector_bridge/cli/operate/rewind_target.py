"""The position that a rewind names: an event id, `earliest`, or a time. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from videovector_bridge.cli.options import find_duration
from videovector_bridge.errors import SettingsError
from videovector_bridge.events import id_text

EARLIEST: Final = "earliest"
_ID: Final = "id:"
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


@dataclass(frozen=True, slots=True)
class ToEvent:
    """Continue with the event after this one."""

    id: str


@dataclass(frozen=True, slots=True)
class ToEarliest:
    """Continue with the earliest event that VideoVector has."""


@dataclass(frozen=True, slots=True)
class ToTime:
    """Continue with the first event from this time on."""

    time: datetime


RewindTarget = ToEvent | ToEarliest | ToTime


def parse_target(text: str, now: datetime) -> RewindTarget:
    """Parse the option `--to`. Raises `SettingsError`."""
    if text == EARLIEST:
        return ToEarliest()
    if (seconds := find_duration(text)) is not None:
        return ToTime(now - timedelta(seconds=seconds))
    if _DATE.fullmatch(text):
        return ToTime(_parse_time(text))
    id_ = id_text(text.removeprefix(_ID))
    if id_ is None:
        raise SettingsError([f"--to must be an event id, earliest or a time, not {text[:80]!r}"])
    return ToEvent(id_)


def _parse_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError([f"--to {text!r} is not a time in ISO 8601"]) from None
    if time.tzinfo is None:
        raise SettingsError(
            [f"--to {text!r} has no time zone: write {time.isoformat()}Z if it is UTC"]
        )
    return time
