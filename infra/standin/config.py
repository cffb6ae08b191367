"""Settings of the stand-in.

Where the vendor's reference leaves a detail open, a setting chooses the behaviour.
"""

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
    """Behaviour of the stand-in. Durations are seconds; `None` disables a limit."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 selects a free port."""
    seed: int = 7
    """Determines the library, the keys, the ids and the course of every run."""
    api_keys: Mapping[str, str] | None = None
    """Scope to key. None: the keys are derived from the seed."""
    user_id: str = "user_standin"

    videos: int = 24
    """Videos in indexes. Runs process these."""
    playground_videos: int = 8
    """Videos without an index. They count as processed before the stand-in starts."""
    segments_per_video: int = 4
    indexes: int = 2

    run_every_seconds: float | None = None
    """Start a run automatically at this interval."""
    videos_per_run: int = 3
    events_per_second: float = 20.0
    segment_failure_rate: float = 0.08
    video_failure_rate: float = 0.12
    retry_every_runs: int = 4
    """One run in this many fails; its retry, under the same run id, succeeds. 0: none."""

    start: Start = "earliest"
    """Where a stream without Last-Event-ID begins."""
    ids: IdMode = "event_id"
    """Content of the SSE `id:` line."""
    cursor_status: int = 410
    """Status for an unknown or expired Last-Event-ID."""
    heartbeat_seconds: float = 1.0
    id_only_frames: bool = True
    """Send frames with an id and no data, so that a filtered stream knows its position."""
    stream_seconds: float | None = None
    """End every stream cleanly after this time."""
    retain_events: int | None = None
    """Number of events that can be replayed."""

    error_shapes: Literal["rotate"] | Shape = "rotate"
    retry_after: RetryAfterForm = "seconds"
    rate_limit_per_second: float | None = None
    """Requests per second and key; more get 429."""
    rate_limit_burst: int = 10

    grants_per_object: int | None = 100
    """Maximum number of valid signed URLs for one object."""
    grant_seconds: float = 900.0
    grants_exhausted_status: int = 409
    idempotency_conflict_status: int = 409
    webhook_timeout_seconds: float = 10.0
    """Timeout of one delivery attempt."""
    webhook_attempts: int = 8
    """Attempts per delivery."""
    webhook_retry_seconds: float = 0.25
    """Backoff before the second attempt; it doubles with every attempt."""
    webhook_retry_cap_seconds: float = 30.0
    webhook_concurrency: int = 16
    """Maximum number of concurrent attempts."""
    webhook_hold_seconds: float = 5.0
    """Maximum time that a `hold` fault delays a delivery."""
    webhook_failures: int | None = 1_000
    """Consecutive failed attempts that disable a webhook."""
    filter_pages: Literal["rotate", "results", "pagination"] = "rotate"
    """Page style of the filter search; two are documented."""

    def keys(self) -> dict[str, str]:
        """Scope to API key."""
        if self.api_keys is not None:
            return dict(self.api_keys)
        return {scope: f"sk_standin_{scope}_{self._digest(scope)}" for scope in SCOPES}

    def _digest(self, name: str) -> str:
        return hashlib.sha256(f"{self.seed}:{name}".encode()).hexdigest()[:16]
