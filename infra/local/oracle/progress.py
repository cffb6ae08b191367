"""Counts the events, effects and windows of a run, from the messages on its topics."""

import json
import re
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from infra.local.clouds.cloud import TopicMessage
from infra.local.oracle.lost_ends import LostEnds, judge_lost_ends
from infra.local.oracle.published import (
    BRIDGE,
    RECONCILED,
    WEBHOOK,
    Identity,
    PublishedEvent,
    read_event,
)
from infra.local.scheduler import DRAIN, Call

_GAP = "com.vectormethods.bridge.stream.gap"
# https://www.w3.org/TR/trace-context/#traceparent-header-field-values
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]")


class UrlKey(NamedTuple):
    """The subject of a message on `media-urls`; `segment_id` may be empty."""

    automation: str
    event_id: str
    segment_id: str
    gcs_uri: str


@dataclass(slots=True)
class Progress:
    """Counts messages and windows. The `note_` methods may be called from several threads."""

    events: Counter[str] = field(default_factory=Counter)
    """Ids of the stream's events, with the number of messages."""
    webhooks: Counter[str] = field(default_factory=Counter)
    """Ids of webhook events, with the number of messages."""
    bridge_events: Counter[str] = field(default_factory=Counter)
    """Ids of the bridge's own events, with the number of messages."""
    reconciled: Counter[str] = field(default_factory=Counter)
    """Ids of events in place of those that never came, with the number of messages."""
    lost_runs: set[str] = field(default_factory=set)
    """Runs whose ends, and those of their videos, the stand-in never sends."""
    lost_ends: int = 0
    """The number of these ends."""
    checks: int = 0
    """Runs of `reconcile` that responded."""
    failed_check: str = ""
    """The message of the last run of `reconcile`, if it failed."""
    published: dict[Identity, PublishedEvent] = field(default_factory=dict)
    """The readable events of all channels."""
    previews: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Automation and event id -> time of the bridge's event about the preview."""
    matches: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """Automation and result id -> time of the bridge's event about the match."""
    first_event_at: datetime | None = None
    gaps: int = 0
    rejected: list[TopicMessage] = field(default_factory=list)
    urls: dict[UrlKey, datetime] = field(default_factory=dict)
    url_ids: dict[UrlKey, str] = field(default_factory=dict)
    url_repeats: int = 0
    renamed_urls: set[UrlKey] = field(default_factory=set)
    """URLs that were published with more than one `ce-id`: consumers cannot deduplicate them."""
    untraced: list[str] = field(default_factory=list)
    """Ids of the messages on all topics that have no valid trace."""
    windows: int = 0
    """Windows that ended with a response."""
    cut_windows: int = 0
    """Windows that ended without a response: their process was killed."""
    busy_windows: int = 0
    """Windows that ended because another window had the lease."""
    reconnects: int = 0
    published_by_ended: int = 0
    """Number of events that ended windows reported as published."""
    failures: list[str] = field(default_factory=list)
    last_window: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note_events(self, messages: list[TopicMessage]) -> None:
        """Count new messages on topic `events`."""
        with self._lock:
            self._note_traces(messages)
            for message in messages:
                self._note_event(message)

    def _note_event(self, message: TopicMessage) -> None:
        if message.attributes.get("ce-type") == _GAP:
            self.gaps += 1
            return
        event_id = message.attributes["ce-id"]
        event = read_event(message)
        if event is not None:
            self.published.setdefault(event.identity, event)
        channel = message.attributes.get("ce-channel")
        if channel == BRIDGE:
            self.bridge_events[event_id] += 1
            self._note_bridge_event(event)
        elif channel == WEBHOOK:
            self.webhooks[event_id] += 1
        elif channel == RECONCILED:
            self.reconciled[event_id] += 1
        else:
            self.events[event_id] += 1
            if self.first_event_at is None or message.published_at < self.first_event_at:
                self.first_event_at = message.published_at

    def _note_bridge_event(self, event: PublishedEvent | None) -> None:
        if event is None:
            return
        automation = event.payload.get("automation", "")
        if event.type == "media.preview_stored":
            cause = automation, event.payload.get("event_id", "")
            self.previews.setdefault(cause, event.published_at)
        elif event.type == "search.matched":
            match = automation, (event.payload.get("match") or {}).get("result_id", "")
            self.matches.setdefault(match, event.published_at)

    def note_rejected(self, messages: list[TopicMessage]) -> None:
        """Count new messages on topic `rejected`."""
        with self._lock:
            self._note_traces(messages)
            self.rejected += messages

    def note_urls(self, messages: list[TopicMessage]) -> None:
        """Count new messages on topic `media-urls`."""
        with self._lock:
            self._note_traces(messages)
            for message in messages:
                self._note_url(message)

    def _note_url(self, message: TopicMessage) -> None:
        # The URL itself is a credential: read only the other fields.
        data, message_id = json.loads(message.data), message.attributes["ce-id"]
        names = ("automation", "event_id", "segment_id", "gcs_uri")
        key = UrlKey(*(data.get(name) or "" for name in names))
        self.url_repeats += key in self.urls
        self.urls.setdefault(key, message.published_at)
        if self.url_ids.setdefault(key, message_id) != message_id:
            self.renamed_urls.add(key)

    def _note_traces(self, messages: list[TopicMessage]) -> None:
        for message in messages:
            if not _TRACEPARENT.fullmatch(message.attributes.get("ce-traceparent", "")):
                self.untraced.append(message.attributes.get("ce-id", "a message without id"))

    def note_lost_ends(self, runs: Iterable[str], ends: int) -> None:
        """Note that the stand-in never sends `ends` ends, of these runs and of their videos."""
        with self._lock:
            self.lost_runs.update(runs)
            self.lost_ends += ends

    def judge_lost_ends(self) -> LostEnds:
        """Return what was published in place of lost ends."""
        with self._lock:
            return judge_lost_ends(
                list(self.published.values()), frozenset(self.lost_runs), self.lost_ends
            )

    def note_call(self, call: Call) -> None:
        """Count a call of `drain`, or of `reconcile`."""
        with self._lock:
            if call.job.function != DRAIN:
                self._note_check(call)
                return
            if call.response is None:
                self.cut_windows += 1
                return
            if call.response.get("outcome") == "busy":
                self.busy_windows += 1
                return
            self.windows += 1
            self.published_by_ended += call.response.get("published", 0)
            self.reconnects += call.response.get("reconnects", 0)
            self.last_window = call.response
            if call.response.get("outcome") == "failed":
                self.failures.append(str(call.response.get("message")))

    def _note_check(self, call: Call) -> None:
        response = call.response or {"outcome": "failed", "message": "reconcile did not respond."}
        self.checks += call.response is not None
        failed = response.get("outcome") == "failed"
        self.failed_check = str(response.get("message")) if failed else ""

    @property
    def messages(self) -> int:
        """The number of messages on topic `events` with an event of the stream."""
        return sum(self.events.values())

    @property
    def repeats(self) -> int:
        """The number of these messages whose event had a message before."""
        return self.messages - len(self.events)

    @property
    def webhook_repeats(self) -> int:
        """The number of messages with a webhook event that had a message before."""
        return sum(self.webhooks.values()) - len(self.webhooks)
