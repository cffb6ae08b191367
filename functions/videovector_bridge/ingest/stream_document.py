"""Read and update the fields of a stream's document, `streams/{name}`. Pure.

`cursor` is the position in the stream of `api_host` with `filters`. `start_from` is where
the stream begins while it has no cursor, and `start_setting` is the value of START_FROM that it was
copied from. While the two are equal, or the document has no `start_from`, the stream follows the
setting. A start that a policy or a person chose differs, or has no `start_setting`: it stays
when the setting changes. To follow the setting again, a person empties `start_from`.

`alive_at` is the end of the last window in which VideoVector sent an event, a heartbeat or 204:
a stream without events is alive.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Final

from videovector_bridge.events import parse_time
from videovector_bridge.settings.streams import LONGEST_LEASE_SECONDS

COLLECTION: Final = "streams"
LONGEST_BACKOFF_SECONDS: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Origin:
    """The API host and filters that a cursor belongs to, and where a stream without one begins."""

    api_host: str
    filters: str
    start_from: str

    def find_change(self, fields: Mapping[str, Any]) -> str:
        """Return the stop reason if the cursor of a document belongs to another origin, else ""."""
        if fields["cursor"] is None:
            return ""
        if fields["api_host"] != self.api_host:
            return "host_changed"
        return "filters_changed" if fields["filters"] != self.filters else ""

    def explain(self, change: str, stream: str, fields: Mapping[str, Any]) -> str:
        """Describe a `change` since a document was written, and how to continue."""
        if change == "host_changed":
            difference = f"API host was {fields['api_host']} and is {self.api_host}"
        else:
            difference = f"filters were {fields['filters']} and are {self.filters}"
        return (
            f"The cursor of stream {stream!r} is no longer valid: its {difference}. Give the "
            f"stream a new name, or set its cursor_policy to latest or earliest to start over."
        )


def lease_owner(fields: Mapping[str, Any]) -> str:
    """Return the owner of the lease; empty if it was released."""
    return str(fields.get("lease_owner") or "")


def lease_seconds_left(fields: Mapping[str, Any], age_seconds: float) -> float:
    """Return the seconds until the lease of a document of this age ends; 0 or less if it has."""
    # No window has a longer lease. A person may have written a wrong number.
    return min(_number(fields.get("lease_seconds")), LONGEST_LEASE_SECONDS) - age_seconds


def backoff_until(fields: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return the time before which VideoVector accepts no request, if it is in the future."""
    until = parse_time(fields.get("not_before"))
    if until is None or not now < until:
        return None
    # No window writes a later time. A clock may have been wrong.
    return until if until - now <= timedelta(seconds=2 * LONGEST_BACKOFF_SECONDS) else None


def claim_fields(
    fields: Mapping[str, Any], owner: str, origin: Origin, lease_seconds: float
) -> dict[str, Any]:
    """Return the fields after `owner` acquires the lease; a known position stays."""
    cursor = _text(fields.get("cursor"))
    start_from = start_setting = _text(fields.get("start_from"))
    if start_from is None or start_from == _text(fields.get("start_setting")):
        if cursor is None or start_from is None:  # with a cursor, the start is history
            start_from = start_setting = origin.start_from
    else:
        start_setting = None  # chosen: it stays, even if START_FROM becomes the same
    return {
        "cursor": cursor,
        "start_from": start_from,
        "start_setting": start_setting,
        "ids_differ": bool(fields.get("ids_differ")),
        "api_host": (cursor and _text(fields.get("api_host"))) or origin.api_host,
        "filters": (cursor and _text(fields.get("filters"))) or origin.filters,
        "not_before": None,
        "alive_at": fields.get("alive_at"),
        "fencing_token": next_token(fields),
        "lease_owner": owner,
        "lease_seconds": lease_seconds,
        "windows": _whole(fields.get("windows")) + 1,
        "events": _whole(fields.get("events")),
        "published": _whole(fields.get("published")),
        "rejected": _whole(fields.get("rejected")),
        "last_error": fields.get("last_error"),
        "last_window": fields.get("last_window"),
    }


def fencing_token(fields: Mapping[str, Any]) -> int:
    """Return the fencing token of a document; 0 without one."""
    return _whole(fields.get("fencing_token"))


def next_token(fields: Mapping[str, Any]) -> int:
    """Return a fencing token that is higher than that of a document."""
    return fencing_token(fields) + 1


# People edit documents, and the console may store a number as text, or text as a number.


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, str | int | float) else 0.0
    except ValueError:
        return 0.0


def _whole(value: object) -> int:
    number = _number(value)
    return int(number) if isfinite(number) else 0
