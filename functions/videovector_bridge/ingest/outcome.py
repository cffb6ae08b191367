"""Why a window ended, as values; and what that means to the scheduler and to people."""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from videovector_bridge.api.errors import (
    CredentialRefused,
    RateLimited,
    ScopeRefused,
    ServerTrouble,
    Unreachable,
)
from videovector_bridge.api.frames import FrameTooLarge
from videovector_bridge.api.stream import StreamFailed
from videovector_bridge.errors import BridgeError

Outcome = Literal["drained", "idle", "busy", "failed"]

# The good ends of a window, and what they say.
_SENTENCES: Final = {
    "deadline": "The window's time is up.",
    "idle": "No event came for the idle time.",
    "max_events": "The window has read as many events as it may.",
    "max_bytes": "The window has read as many bytes as it may.",
    "server_closed": "VideoVector answered that there is nothing more to send (204).",
}

# Trouble that passes by itself: a window that published something before it is no failure, for
# the next window goes on from there (and fails, if there is trouble still).
_REASON_OF_PASSING: Final = (
    (RateLimited, "rate_limited"),
    (ServerTrouble, "api_unavailable"),
    (StreamFailed, "stream_error"),
    (Unreachable, "unreachable"),
)
_REASON_OF_LASTING: Final = (
    (CredentialRefused, "credential_refused"),
    (ScopeRefused, "scope_refused"),
    (FrameTooLarge, "frame_too_large"),
)
_PASSING: Final = frozenset(reason for _, reason in _REASON_OF_PASSING)

# HTTP status of a failed window: 409 a person has to decide how to go on, 502 the API refuses,
# 503 the next window may succeed, 507 more memory is needed.
_STATUS: Final = {
    "credential_refused": 502,
    "scope_refused": 502,
    "request_refused": 502,
    "cursor_refused": 409,
    "filters_changed": 409,
    "frame_too_large": 507,
}


@dataclass(frozen=True, slots=True)
class Stop:
    """The reason a window ended; with the error, or a message of its own, when it went wrong."""

    reason: str
    error: BridgeError | None = None
    message: str = ""

    @property
    def text(self) -> str:
        """A sentence for people."""
        return self.message or (str(self.error) if self.error else _SENTENCES[self.reason])


@dataclass(frozen=True, slots=True)
class WindowReport:
    """The answer of `drain`.

    Counts are of this window; `published` and `rejected` are acknowledged by Pub/Sub.
    `lag_seconds` is the age of the newest event that the cursor has passed, null without one.
    """

    stream: str
    outcome: Outcome
    stop_reason: str
    message: str
    events: int = 0
    published: int = 0
    rejected: int = 0
    reconnects: int = 0
    stream_errors: int = 0
    cursor_before: str | None = None
    cursor_after: str | None = None
    lag_seconds: float | None = None
    window_seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)

    @property
    def http_status(self) -> int:
        """200 unless the window failed; then a status that scheduler and alerts see."""
        return 200 if self.outcome != "failed" else _STATUS.get(self.stop_reason, 503)


def stopped_by(error: BridgeError | None) -> Stop:
    """The end that `error` of the API means; without one, reading ended for want of time."""
    if error is None:
        return Stop("deadline")
    for kind, reason in (*_REASON_OF_LASTING, *_REASON_OF_PASSING):
        if isinstance(error, kind):
            return Stop(reason, error)
    return Stop("request_refused", error)


def outcome_of(stop: Stop, events: int) -> Outcome:
    """`failed`, `drained` or `idle`."""
    if stop.reason not in _SENTENCES and not (stop.reason in _PASSING and events):
        return "failed"
    return "drained" if events else "idle"
