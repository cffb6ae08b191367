"""Every knob of the stand-in. Where the vendor's reference is silent, the guess is a knob."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Start = Literal["earliest", "latest"]
IdMode = Literal["event_id", "sequence", "none"]
Shape = Literal["nested", "flat", "detail"]
RetryAfterForm = Literal["seconds", "date", "body"]

SCOPES = ("admin", "write", "read", "search")


@dataclass(frozen=True, slots=True, kw_only=True)
class StandInConfig:
    """How the stand-in behaves. Durations are seconds; `None` switches a limit off."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free port."""
    seed: int = 7
    """The library, the keys, the ids and the course of every run follow from it."""
    api_keys: Mapping[str, str] | None = None
    """Scope to key. Left out, the keys follow from the seed."""
    user_id: str = "user_standin"

    videos: int = 24
    """Videos in indexes: the ones that runs work through."""
    playground_videos: int = 8
    """Videos without an index, processed before the stand-in began."""
    segments_per_video: int = 4
    indexes: int = 2

    run_every_seconds: float | None = None
    """Start a run by itself this often, for ever."""
    videos_per_run: int = 3
    events_per_second: float = 20.0
    segment_failure_rate: float = 0.08
    video_failure_rate: float = 0.12
    retry_every_runs: int = 4
    """One run in so many fails, and is retried under the same run id with success. 0: none."""

    start: Start = "earliest"
    """Where a stream without Last-Event-ID begins."""
    ids: IdMode = "event_id"
    """What the SSE `id:` line carries."""
    cursor_status: int = 410
    """Answer to an unknown or expired Last-Event-ID."""
    heartbeat_seconds: float = 1.0
    id_only_frames: bool = True
    """Tell a filtered stream its position, with frames that have an id and no data."""
    stream_seconds: float | None = None
    """End every stream cleanly after this long."""
    retain_events: int | None = None
    """Older events are no longer replayed."""

    error_shapes: Literal["rotate"] | Shape = "rotate"
    retry_after: RetryAfterForm = "seconds"
    rate_limit_per_second: float | None = None
    """Per key. Answers 429 beyond it."""
    rate_limit_burst: int = 10

    grants_per_object: int | None = 100
    """Signed URLs that may be valid for one object at one time."""
    grant_seconds: float = 900.0
    grants_exhausted_status: int = 409
    idempotency_conflict_status: int = 409
    webhook_timeout_seconds: float = 10.0
    """How long a receiver may take."""
    webhook_attempts: int = 8
    """How often one delivery is tried."""
    webhook_retry_seconds: float = 0.25
    """Wait before the second attempt; it doubles from then on."""
    webhook_retry_cap_seconds: float = 30.0
    webhook_concurrency: int = 16
    """Attempts under way at one time."""
    webhook_hold_seconds: float = 5.0
    """How long a delivery that is held back waits for others at most."""
    webhook_failures: int | None = 1_000
    """So many failed attempts in a row disable a webhook."""
    filter_pages: Literal["rotate", "results", "pagination"] = "rotate"
    """Which of its two documented styles the filter search answers in."""

    def keys(self) -> dict[str, str]:
        """Scope to API key."""
        if self.api_keys is not None:
            return dict(self.api_keys)
        return {scope: f"sk_standin_{scope}_{self._digest(scope)}" for scope in SCOPES}

    def _digest(self, name: str) -> str:
        return hashlib.sha256(f"{self.seed}:{name}".encode()).hexdigest()[:16]
