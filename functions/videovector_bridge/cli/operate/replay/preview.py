"""Count what a replay would publish: by type, with the first and the last publish time. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from videovector_bridge.backends.reading_ports import PublishedMessage
from videovector_bridge.cli.operate.replay.interval import Interval, format_time
from videovector_bridge.events import TYPE_PREFIX


@dataclass(slots=True)
class Preview:
    """Counts of messages. Not `is_complete`: it ended at its limit, so there are more."""

    messages: int = 0
    bytes: int = 0
    by_type: Counter[str] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None
    is_complete: bool = True

    def add(self, message: PublishedMessage) -> None:
        """Count a message."""
        type_ = message.message.attributes.get("ce-type", "").removeprefix(TYPE_PREFIX)
        self.messages += 1
        self.bytes += len(message.message.data)
        self.by_type[type_] += 1
        time = message.published_at
        self.first = time if self.first is None else min(self.first, time)
        self.last = time if self.last is None else max(self.last, time)

    def as_json(self) -> dict[str, Any]:
        """Return the counts; types with the most messages first."""
        return {
            "messages": self.messages,
            "complete": self.is_complete,
            "data_bytes": self.bytes,
            "first": None if self.first is None else format_time(self.first),
            "last": None if self.last is None else format_time(self.last),
            "by_type": dict(self.by_type.most_common()),
        }


def count_messages(
    pages: Iterable[Sequence[PublishedMessage]], interval: Interval, *, limit: int
) -> Preview:
    """Return the counts of the messages in the interval, of the first `limit` at most."""
    preview = Preview()
    for page in pages:
        for message in filter(interval.includes, page):
            if preview.messages == limit:
                preview.is_complete = False
                return preview
            preview.add(message)
    return preview
