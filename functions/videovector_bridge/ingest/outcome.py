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
from videovector_bridge.api.stream import StreamFailed
from videovector_bridge.errors import BridgeError

Outcome = Literal["drained", "idle", "busy", "backing_off", "failed"]

# The good ends of a window, and what they say.
_SENTENCES: Final = {
    "deadline": "The window's time is over.",
    "idle": "No event arrived within the idle timeout.",
    "max_events": "The window has read as many events as it may.",
    "max_bytes": "The window has read as many bytes as it may.",
    "server_closed": "VideoVector answered that there is nothing more to send (204).",
    "retry_later": "VideoVector closed the stream and asks to wait longer than the window lasts.",
}

FRAME_UNFINISHED: Final = (
    "One frame filled the whole window. If it needs only more time, raise WINDOW_SECONDS (and the "
    "timeout of the function)."
)

# Errors that pass by themselves: a window that read something before one has not failed, because
# the next window resumes (and fails, if the error is still there).
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

# HTTP status of a failed window: 409 a person has to decide how to continue, 502 the API refuses,
# 503 (all others) the next window may succeed.
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
    """The reason a window ended; with the error, or a message of its own, when it went wrong.

    `wait_seconds` is how long VideoVector asked to be left alone, if that outlasts the window.
    """

    reason: str
    error: BridgeError | None = None
    message: str = ""
    wait_seconds: float = 0.0

    @property
    def text(self) -> str:
        """A sentence for people."""
        return self.message or (str(self.error) if self.error else _SENTENCES[self.reason])


@dataclass(frozen=True, slots=True)
class WindowReport:
    """The answer of `drain`.

    Counts are of this window; `published` and `rejected` are acknowledged by Pub/Sub. `start_from`
    is where the stream begins while it has no cursor, else null. `lag_seconds` is the age of the
    newest event that the cursor has passed, null without one.
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
    start_from: str | None = None
    not_before: str | None = None
    lag_seconds: float | None = None
    window_seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)

    @property
    def http_status(self) -> int:
        """200 unless the window failed; then a status that scheduler and alerts see."""
        return 200 if self.outcome != "failed" else _STATUS.get(self.stop_reason, 503)


def stopped_by(error: BridgeError | None, wait_seconds: float = 0.0) -> Stop:
    """The end that `error` of the API means; without one, that of a stream closed for too long."""
    if error is None:
        return Stop("retry_later" if wait_seconds else "deadline", wait_seconds=wait_seconds)
    for kind, reason in (*_LASTING, *_TRANSIENT):
        if isinstance(error, kind):
            return Stop(reason, error, wait_seconds=wait_seconds)
    return Stop("request_refused", error)


def outcome_of(stop: Stop, events: int) -> Outcome:
    """`failed`, `drained` or `idle`."""
    if stop.reason not in _SENTENCES and not (stop.reason in _TRANSIENT_REASONS and events):
        return "failed"
    return "drained" if events else "idle"


def sentence(
    stop: Stop, *, read: int, acknowledged: int, large_bytes: int, begins: str | None
) -> str:
    """What the window says to people: why it ended, what it left, and where the stream begins."""
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
    if begins is not None:
        where = begins if begins in ("latest", "earliest") else f"event {begins!r}"
        sentences.append(
            f"The stream has no cursor yet: it begins at {where}, with the first event that "
            f"arrives while a window is open."
        )
    return " ".join(sentences)
