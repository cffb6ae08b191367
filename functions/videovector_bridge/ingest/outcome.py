"""Why a window ended, as values: stop reason, report and HTTP status."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from videovector_bridge.api.errors import (
    CredentialRefused,
    RateLimited,
    ScopeRefused,
    ServerTrouble,
    Unreachable,
)
from videovector_bridge.api.stream import StreamFailed
from videovector_bridge.errors import BridgeError
from videovector_bridge.pause import Pause

Outcome = Literal["drained", "idle", "busy", "backing_off", "paused", "failed"]

# Stop reasons that are no failure, and their sentences.
_SENTENCES: Final = {
    "deadline": "The window reached its deadline.",
    "idle": "No event arrived within the idle timeout.",
    "max_events": "The window has read MAX_EVENTS events.",
    "max_bytes": "The window has read MAX_BYTES bytes.",
    "server_closed": "VideoVector has nothing more to send (204).",
    "paused": "The stream was paused while this window was draining it.",
    "handed_over": "The next window asked for the stream, and reads on.",
    "retry_later": "VideoVector closed the stream and asks for a delay past the end of the window.",
}

FRAME_UNFINISHED: Final = (
    "One frame filled the whole window. If it needs only more time, raise WINDOW_SECONDS (and the "
    "timeout of the function)."
)

# Transient errors. A window that read events before such an error has not failed: the next window
# resumes, and fails if the error persists.
_TRANSIENT: Final = (
    (RateLimited, "rate_limited"),
    (ServerTrouble, "api_unavailable"),
    (StreamFailed, "stream_error"),
    (Unreachable, "unreachable"),
)
_LASTING: Final = (
    (CredentialRefused, "credential_refused"),
    (ScopeRefused, "scope_refused"),
)
_TRANSIENT_REASONS: Final = frozenset(reason for _, reason in _TRANSIENT)

# HTTP status of a failed window: 409 a person must decide how to continue, 502 the API refuses the
# request, 503 (all others) the next window may succeed.
_STATUS: Final = {
    "credential_refused": 502,
    "scope_refused": 502,
    "request_refused": 502,
    "cursor_refused": 409,
    "filters_changed": 409,
    "host_changed": 409,
}


@dataclass(frozen=True, slots=True)
class Stop:
    """The reason a window ended; with the error, or another message, if it failed.

    `wait_seconds` is the delay that VideoVector asked for, if that outlasts the window.
    """

    reason: str
    error: BridgeError | None = None
    message: str = ""
    wait_seconds: float = 0.0

    @property
    def text(self) -> str:
        """The reason as a sentence."""
        return self.message or (str(self.error) if self.error else _SENTENCES[self.reason])


@dataclass(frozen=True, slots=True)
class WindowReport:
    """The result of a window, and the JSON that `drain` returns.

    Counts are of this window; `published` and `rejected` are acknowledged by Pub/Sub. `heartbeats`
    arrived without an event. `start_from` is where the stream begins while it has no cursor, else
    null. `lag_seconds` is the age of the newest event that the cursor has passed, null without one.
    `waited_seconds` is the time before the window, for the lease and a hand-over (profile `live`).
    """

    stream: str
    outcome: Outcome
    stop_reason: str
    message: str
    events: int = 0
    heartbeats: int = 0
    published: int = 0
    rejected: int = 0
    reconnects: int = 0
    stream_errors: int = 0
    cursor_before: str | None = None
    cursor_after: str | None = None
    start_from: str | None = None
    not_before: str | None = None
    lag_seconds: float | None = None
    window_seconds: float = 0.0
    waited_seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return asdict(self)

    @property
    def http_status(self) -> int:
        """The status for the scheduler and its alerts: 200 unless the window failed."""
        return 200 if self.outcome != "failed" else _STATUS.get(self.stop_reason, 503)


def classify_error(error: BridgeError | None, wait_seconds: float = 0.0) -> Stop:
    """Return the stop that an error of the API causes; without one, that of a closed stream."""
    if error is None:
        return Stop("retry_later" if wait_seconds else "deadline", wait_seconds=wait_seconds)
    for kind, reason in (*_LASTING, *_TRANSIENT):
        if isinstance(error, kind):
            return Stop(reason, error, wait_seconds=wait_seconds)
    return Stop("request_refused", error)


def busy_report(stream: str, seconds_left: float) -> WindowReport:
    """Report that another window has the lease."""
    return WindowReport(
        stream,
        "busy",
        "busy",
        f"Another window is draining stream {stream!r} (its lease lasts {seconds_left:.0f} s "
        f"more); nothing to do.",
    )


def backing_off_report(stream: str, until: datetime) -> WindowReport:
    """Report that VideoVector accepts no request yet."""
    not_before = until.isoformat(timespec="seconds")
    return WindowReport(
        stream,
        "backing_off",
        "backing_off",
        f"VideoVector asked for no request before {not_before}; nothing to do until then.",
        not_before=not_before,
    )


def paused_report(stream: str, pause: Pause) -> WindowReport:
    """Report that a person paused the stream."""
    return WindowReport(
        stream,
        "paused",
        "paused",
        f"Stream {stream!r} is {pause}. Nothing to do until `videovector-bridge resume {stream}`.",
    )


def classify_stop(stop: Stop, events: int) -> Outcome:
    """Return `failed`, `drained` or `idle`."""
    if stop.reason not in _SENTENCES and not (stop.reason in _TRANSIENT_REASONS and events):
        return "failed"
    return "drained" if events else "idle"


def describe(
    stop: Stop, *, read: int, acknowledged: int, large_bytes: int, start_from: str | None
) -> str:
    """Describe the end of a window: its reason, unpublished events, and where the stream begins."""
    sentences = [stop.text]
    if large_bytes:
        sentences.append(
            f"{large_bytes:,} bytes of a large frame arrived, but not its end; the next window "
            f"reads it from its beginning."
        )
    if read > acknowledged:
        sentences.append(
            f"{read - acknowledged} of the {read} events that it read were not published; the "
            f"next window reads them again."
        )
    if start_from is not None:
        where = start_from if start_from in ("latest", "earliest") else f"event {start_from!r}"
        sentences.append(
            f"The stream has no cursor yet: it begins at {where}, with the first event that "
            f"arrives while a window is open."
        )
    return " ".join(sentences)
