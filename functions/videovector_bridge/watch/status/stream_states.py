"""The state of one stream, from its document."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from videovector_bridge.events import parse_time
from videovector_bridge.pause import Pause, parse_pause
from videovector_bridge.redact import clean_text
from videovector_bridge.settings.deployment import DeployedStream
from videovector_bridge.watch.status.facts import StreamDocument
from videovector_bridge.watch.status.line import describe_seconds
from videovector_bridge.watch.status.schedule import longest_gap_seconds

LATE_SECONDS: Final = 900.0
"""The default of the alert "Events are late"."""

_INTERVALS: Final = 3
_SHORTEST_WATCH: Final = 600.0
_SHORTEST_SILENCE: Final = 900.0
_LONGEST_BACKOFF: Final = timedelta(hours=2)
_NEED_A_DECISION: Final = ("cursor_refused", "filters_changed", "host_changed")
_NEED_A_KEY: Final = ("credential_refused", "scope_refused")


@dataclass(frozen=True, slots=True)
class StreamView:
    """A stream with the parts of its document.

    Over `watch_seconds` a window must have ended: three intervals, at least 10 minutes.
    """

    document: StreamDocument
    window: Mapping[str, Any]
    ended_at: datetime | None
    alive_at: datetime | None
    watch_seconds: float
    now: datetime

    def age(self, time: datetime) -> float:
        """Return the seconds since a time."""
        return (self.now - time).total_seconds()

    @property
    def lease_seconds_left(self) -> float | None:
        """None if the lease is free; 0 or less if it has expired."""
        fields = self.document.fields
        if not fields.get("lease_owner"):
            return None
        seconds = fields.get("lease_seconds")
        return (seconds if isinstance(seconds, int | float) else 0) - self.document.age_seconds

    @property
    def backing_off_until(self) -> datetime | None:
        """The time before which VideoVector accepts no request, if it is in the future."""
        until = parse_time(self.document.fields.get("not_before"))
        return until if until and self.now < until <= self.now + _LONGEST_BACKOFF else None

    @property
    def failed(self) -> bool:
        """Whether the last window failed."""
        return self.window.get("outcome") == "failed"

    @property
    def why(self) -> str:
        """The stop reason and message of the last window."""
        message = clean_text(str(self.window.get("message", "")))
        return f"{self.window.get('stop_reason', '?')}: {message}"

    @property
    def paused(self) -> Pause | None:
        """The pause of the stream; None if it is not paused."""
        return parse_pause(self.document.fields)


def view_stream(described: DeployedStream, document: StreamDocument, now: datetime) -> StreamView:
    """Return the view of a stream at `now`."""
    window = document.fields.get("last_window")
    window = window if isinstance(window, Mapping) else {}
    gap = longest_gap_seconds(described.schedule) or 0.0
    return StreamView(
        document,
        window,
        parse_time(window.get("ended_at")),
        parse_time(document.fields.get("alive_at")),
        max(_SHORTEST_WATCH, _INTERVALS * max(gap, described.window_seconds)),
        now,
    )


def find_states(stream: StreamView) -> Iterator[tuple[str, str]]:
    """Yield every state with its reason, the most important one first, and `ok` last."""
    if stream.paused:
        yield "paused", str(stream.paused)
    yield from _find_refusals(stream)
    if until := stream.backing_off_until:
        yield "backing_off", f"no request before {until.isoformat(timespec='seconds')}"
    yield from _find_missing_windows(stream)
    yield from _find_silence(stream)
    lag = stream.window.get("lag_seconds")
    if isinstance(lag, int | float) and lag > LATE_SECONDS:
        yield "late", f"the newest drained event was {describe_seconds(lag)} old"
    if (left := stream.lease_seconds_left) is not None and left <= 0:
        yield "window_died", "a window ended without releasing its lease; the next one takes over"
    yield "ok", ""


def _find_refusals(stream: StreamView) -> Iterator[tuple[str, str]]:
    reason = stream.window.get("stop_reason")
    if stream.failed and reason in _NEED_A_DECISION:
        yield "cursor_refused", stream.why
    if stream.failed and reason in _NEED_A_KEY:
        yield "key_refused", stream.why


def _find_missing_windows(stream: StreamView) -> Iterator[tuple[str, str]]:
    since = stream.ended_at
    if since is not None and stream.age(since) > stream.watch_seconds:
        yield "not_drained", f"no window has ended for {describe_seconds(stream.age(since))}"
    if since is None and (stream.lease_seconds_left or 0) <= 0:
        yield "never_drained", "no window has ended yet, and none is running"


def _find_silence(stream: StreamView) -> Iterator[tuple[str, str]]:
    """Yield a state if nothing arrives, although windows run."""
    alive_at = stream.alive_at
    silence = stream.age(alive_at) if alive_at is not None else None
    if stream.failed and silence is not None and silence <= stream.watch_seconds:
        yield "window_failed", stream.why
    elif stream.failed:
        since = f" since {alive_at.isoformat(timespec='seconds')}" if alive_at else ""
        yield "failing", f"nothing arrived{since}: {stream.why}"
    elif silence is not None and silence > max(_SHORTEST_SILENCE, stream.watch_seconds):
        text = "windows end well, but neither event nor heartbeat has arrived for"
        yield "silent", f"{text} {describe_seconds(silence)}"
