"""What a run has seen so far: events, effects and windows, counted from the topics themselves."""

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from infra.local.clouds.cloud import Observed
from infra.local.oracle.published import BRIDGE, WEBHOOK, Identity, PublishedEvent, read_event
from infra.local.scheduler import Tick

_GAP = "com.vectormethods.bridge.stream.gap"


class UrlKey(NamedTuple):
    """What a message on `media-urls` is about; `segment_id` is empty where it names none."""

    automation: str
    event_id: str
    segment_id: str
    gcs_uri: str


@dataclass(slots=True)
class Progress:
    """Grows as messages and windows are noted. Safe to note from several threads."""

    events: Counter[str] = field(default_factory=Counter)
    """Ids of the stream's events, with the number of their messages."""
    webhooks: Counter[str] = field(default_factory=Counter)
    """Likewise of the events that came by webhook."""
    own: Counter[str] = field(default_factory=Counter)
    """Likewise of the events that the bridge itself published."""
    published: dict[Identity, PublishedEvent] = field(default_factory=dict)
    """Events of all channels that could be read."""
    previews: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Previews that the bridge announced, by automation and id of the event: when."""
    matches: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Matches of searches that it announced, by automation and id of the result: when."""
    first_event_at: datetime | None = None
    gaps: int = 0
    rejected: list[Observed] = field(default_factory=list)
    urls: dict[UrlKey, datetime] = field(default_factory=dict)
    url_ids: dict[UrlKey, str] = field(default_factory=dict)
    url_repeats: int = 0
    renamed_urls: set[UrlKey] = field(default_factory=set)
    """URLs whose repeats cannot be recognised: they were published under more than one `ce-id`."""
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
        event = read_event(message)
        if event is not None:
            self.published.setdefault(event.identity, event)
        channel = message.attributes.get("ce-channel")
        if channel == BRIDGE:
            self.own[event_id] += 1
            self._note_own(event)
        elif channel == WEBHOOK:
            self.webhooks[event_id] += 1
        else:
            self.events[event_id] += 1
            if self.first_event_at is None or message.published_at < self.first_event_at:
                self.first_event_at = message.published_at

    def _note_own(self, event: PublishedEvent | None) -> None:
        if event is None:
            return
        automation = event.payload.get("automation", "")
        if event.type == "media.preview_stored":
            cause = automation, event.payload.get("event_id", "")
            self.previews.setdefault(cause, event.published_at)
        elif event.type == "search.matched":
            match = automation, (event.payload.get("match") or {}).get("result_id", "")
            self.matches.setdefault(match, event.published_at)

    def note_rejected(self, messages: list[Observed]) -> None:
        """Note messages seen on topic `rejected`."""
        with self._lock:
            self.rejected += messages

    def note_urls(self, messages: list[Observed]) -> None:
        """Note messages seen on topic `media-urls`."""
        with self._lock:
            for message in messages:
                self._note_url(message)

    def _note_url(self, message: Observed) -> None:
        # Of the data only what names the URL: the rest is a credential.
        data, message_id = json.loads(message.data), message.attributes["ce-id"]
        names = ("automation", "event_id", "segment_id", "gcs_uri")
        key = UrlKey(*(data.get(name) or "" for name in names))
        self.url_repeats += key in self.urls
        self.urls.setdefault(key, message.published_at)
        if self.url_ids.setdefault(key, message_id) != message_id:
            self.renamed_urls.add(key)

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
