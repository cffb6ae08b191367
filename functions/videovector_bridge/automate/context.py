"""What the actions work with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from videovector_bridge.api import VideoVectorClient
from videovector_bridge.automate.effects.effects import Effects
from videovector_bridge.automate.turn import Turn
from videovector_bridge.backends import Backend
from videovector_bridge.byte_budget import ByteBudget
from videovector_bridge.settings import SubscriberSettings

PUBLISH_SECONDS: Final = 20.0  # for one request to Pub/Sub, or for reading a claim check


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Settings and clients, made once per process.

    `budget` is what events may have of memory, in bytes of their data; `turn` is for
    answers that are lists. `now` is the time, aware.
    """

    settings: SubscriberSettings
    backend: Backend
    api: VideoVectorClient
    effects: Effects
    budget: ByteBudget
    now: Callable[[], datetime] = utc_now
    turn: Turn = field(default_factory=Turn)
