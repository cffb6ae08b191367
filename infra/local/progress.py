"""What a run has seen so far: events, effects and windows, counted from the topics themselves."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infra.local.clock import Tick
from infra.local.cloud import Observed
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import TYPE_PREFIX

if TYPE_CHECKING:
    from videovector_bridge.automate.received import Received

_GAP = f"{TYPE_PREFIX}bridge.stream.gap"


@dataclass(slots=True)
class Progress:
    """Grows as messages and windows are noted. Safe to note from several threads."""

    events: Counter[str] = field(default_factory=Counter)
    """Ids of the stream's events, with the number of their messages."""
    webhooks: Counter[str] = field(default_factory=Counter)
    """Likewise of the events that came by webhook."""
    own: Counter[str] = field(default_factory=Counter)
    """Likewise of the events that the bridge itself published."""
    first_seen: dict[str, datetime] = field(default_factory=dict)
    data: dict[str, "Received"] = field(default_factory=dict)
    """Events of all channels by id, as automations see them."""
    first_event_at: datetime | None = None
    gaps: int = 0
    rejected: list[Mapping[str, str]] = field(default_factory=list)
    urls: dict[str, datetime] = field(default_factory=dict)
    url_repeats: int = 0
    windows: int = 0
    """Windows that ended and said so."""
    cut_windows: int = 0
    """Windows that ended without a word: their process was killed."""
    busy_windows: int = 0
    """Windows that found the lease taken."""
    reconnects: int = 0
    published_by_ended: int = 0
    failures: list[str] = field(default_factory=list)
    last_window: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_events(self, messages: list[Observed]) -> None:
        """Note messages seen on topic `events`."""
        with self._lock:
            for message in messages:
                self._note_event(message)

    def _note_event(self, message: Observed) -> None:
        if message.attributes.get("ce-type") == _GAP:
            self.gaps += 1
            return
        event_id = message.attributes["ce-id"]
        if event_id not in self.first_seen:
            self.first_seen[event_id] = message.published_at
            if (received := _received(message)) is not None:
                self.data[event_id] = received
        channel = message.attributes.get("ce-channel")
        if channel in ("webhook", "bridge"):
            (self.webhooks if channel == "webhook" else self.own)[event_id] += 1
            return
        self.events[event_id] += 1
        if self.first_event_at is None or message.published_at < self.first_event_at:
            self.first_event_at = message.published_at

    def note_rejected(self, messages: list[Observed]) -> None:
        """Note messages seen on topic `rejected`."""
        with self._lock:
            self.rejected += [message.attributes for message in messages]

    def note_urls(self, messages: list[Observed]) -> None:
        """Note messages seen on topic `media-urls`."""
        with self._lock:
            for message in messages:
                self.url_repeats += message.attributes["ce-id"] in self.urls
                self.urls.setdefault(message.attributes["ce-id"], message.published_at)

    def note_tick(self, tick: Tick) -> None:
        """Note a call of `drain`."""
        with self._lock:
            if tick.answer is None:
                self.cut_windows += 1
                return
            if tick.answer.get("outcome") == "busy":
                self.busy_windows += 1
                return
            self.windows += 1
            self.published_by_ended += tick.answer.get("published", 0)
            self.reconnects += tick.answer.get("reconnects", 0)
            self.last_window = tick.answer
            if tick.answer.get("outcome") == "failed":
                self.failures.append(str(tick.answer.get("message")))

    @property
    def messages(self) -> int:
        """How many messages on topic `events` carried events of the stream."""
        return sum(self.events.values())

    @property
    def repeats(self) -> int:
        """How many of them carried an event that was there already."""
        return self.messages - len(self.events)

    @property
    def webhook_repeats(self) -> int:
        """How many messages carried an event that had come by webhook already."""
        return sum(self.webhooks.values()) - len(self.webhooks)


def _received(message: Observed) -> "Received | None":
    """The event as automations see it; None if they see none in it."""
    # Imported only now: it takes a while to load, for which the first event need not wait.
    from videovector_bridge.automate.received import receive  # noqa: PLC0415

    attributes = message.attributes
    try:
        return receive(
            message.data,
            event_id=attributes["ce-id"],
            source=attributes.get("ce-source", ""),
            event_type=attributes.get("ce-type", ""),
            channel=attributes.get("ce-channel", "stream"),
            stated_time=attributes.get("ce-time"),
            now=datetime.now(UTC),
        )
    except PermanentError:
        return None
