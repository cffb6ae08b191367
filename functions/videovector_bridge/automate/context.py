"""The settings, clients and limits that the actions use."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.automate.effects.effects import Effects
from videovector_bridge.automate.effects.parts import PARTS_SECONDS
from videovector_bridge.automate.list_lock import ListLock
from videovector_bridge.backends import Backend
from videovector_bridge.byte_budget import ByteBudget
from videovector_bridge.settings.subscriber import SubscriberSettings

PUBLISH_SECONDS: Final = 20.0  # for one request to Pub/Sub, or for reading a claim check


def utc_now() -> datetime:
    """Return the current time, with its time zone."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a function waits, and how much it does at once. Times are in seconds."""

    claim_pause: float = 1.0
    """Pause before the response for a claimed event: Pub/Sub may redeliver at once."""
    memory_wait: float = 20.0
    """Wait for memory that other large events use."""
    publish: float = 20.0
    """Timeout of one request to Pub/Sub, or of one read from the claim bucket."""
    parts: float = PARTS_SECONDS
    """Time for all parts of a state, in one delivery."""
    batch_linger: float = 0.05
    """Wait for other events that need a lookup at the same time."""
    batch_keys: int = 50
    """Maximum ids of one lookup: the smallest limit of VideoVector's three batch helpers."""


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Settings and clients, opened once per process.

    `budget` bounds the memory of events, in bytes of their data. A thread has `list_lock` while a
    list of VideoVector is in its memory. `now` returns the current time, with its time zone.
    """

    settings: SubscriberSettings
    backend: Backend
    api: VideoVectorClient
    effects: Effects
    budget: ByteBudget
    now: Callable[[], datetime] = utc_now
    list_lock: ListLock = field(default_factory=ListLock)
    limits: Limits = Limits()
