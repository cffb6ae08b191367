"""What a run has seen so far: events, effects and windows, counted from the topics themselves."""

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.local.clock import Tick
from infra.local.cloud import Observed

_GAP = "com.vectormethods.bridge.stream.gap"


@dataclass(slots=True)
class Progress:
    """Grows as messages and windows are noted. Safe to note from several threads."""

    events: Counter[str] = field(default_factory=Counter)
    first_seen: dict[str, datetime] = field(default_factory=dict)
    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    rejected: list[Mapping[str, str]] = field(default_factory=list)
    urls: dict[str, datetime] = field(default_factory=dict)
    url_repeats: int = 0
    gaps: int = 0
    windows: int = 0
    reported: int = 0
    """Events that finished windows said to have published."""
    killed_windows: int = 0
    failed: list[str] = field(default_factory=list)
    last_window: dict[str, Any] = field(default_factory=dict)
    first_event_at: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_events(self, messages: list[Observed]) -> None:
        """Note messages seen on topic `events`."""
        with self._lock:
            for message in messages:
                if message.attributes.get("ce-type") == _GAP:
                    self.gaps += 1
                    continue
                event_id = message.attributes["ce-id"]
                self.events[event_id] += 1
                if event_id not in self.first_seen:
                    self.first_seen[event_id] = message.published_at
                    self.data[event_id] = json.loads(message.data) if message.data else {}
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
                return
            self.windows += tick.answer.get("outcome") != "busy"
            self.reported += tick.answer.get("published", 0)
            self.last_window = tick.answer
            if tick.answer.get("outcome") == "failed":
                self.failed.append(str(tick.answer.get("message")))

    @property
    def repeats(self) -> int:
        """How many messages on topic `events` carried an event that was there already."""
        return sum(self.events.values()) - len(self.events)
