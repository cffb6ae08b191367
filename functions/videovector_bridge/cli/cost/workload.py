"""What the bridge must do: how many events arrive, when, and what they cause."""

from dataclasses import dataclass
from typing import Final, Literal

Pattern = Literal["steady", "office-hours", "bursts", "nightly"]
Profile = Literal["economy", "live"]
AlertLevel = Literal["essential", "all", "none"]

DAYS_A_MONTH: Final = 365 / 12


@dataclass(frozen=True, slots=True)
class Workload:
    """Events of a month, all streams together.

    `matched_share` of the events have one effect, of `action`. `webhook_share` arrive by webhook
    and not by the stream. `work_minutes` is how long a run or video is open. `api_seconds` is
    VideoVector's response time.
    """

    events_a_month: float
    event_bytes: float
    pattern: Pattern
    matched_share: float
    action: str
    webhook_share: float
    work_minutes: float
    api_seconds: float


@dataclass(frozen=True, slots=True)
class Operation:
    """How the bridge is operated: its profile, and the schedule and limits of a window.

    `alerts` is the level of alerts. `archive_days` is how long the archive of events is kept; 0:
    there is none.
    """

    profile: Profile
    streams: int
    every_seconds: int
    window_seconds: float
    idle_seconds: float
    lanes: int
    alerts: AlertLevel
    archive_days: int = 0
