"""What the actions work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from videovector_bridge.api import VideoVectorClient
from videovector_bridge.automate.effects import Effects
from videovector_bridge.backends import Backend
from videovector_bridge.settings import SubscriberSettings

if TYPE_CHECKING:
    from videovector_bridge.backends.signing import V4Signer


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Settings and clients, made once per process; `signer` is made when it is first asked for.

    `now` is the time, aware.
    """

    settings: SubscriberSettings
    backend: Backend
    api: VideoVectorClient
    effects: Effects
    signer: Callable[[], "V4Signer"]
    now: Callable[[], datetime] = utc_now
