"""A processing event, and the filter of a stream."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson


class Facets(NamedTuple):
    """The fields of an event that filters compare."""

    event_type: str
    run_id: str | None
    video_id: str | None
    index_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. `raw_data`, if not None, replaces the JSON verbatim."""

    event_id: str
    event_type: str
    user_id: str
    run_id: str | None
    video_id: str | None
    segment_id: str | None
    index_id: str | None
    created_at: str
    payload: dict[str, Any] = field(default_factory=dict)
    raw_data: str | None = None

    def facets(self) -> Facets:
        """Return the fields that filters compare."""
        return Facets(self.event_type, self.run_id, self.video_id, self.index_id)

    def data(self) -> bytes:
        """Return the event as compact JSON on one line, or the raw data."""
        if self.raw_data is not None:
            return self.raw_data.encode()
        return orjson.dumps(
            {
                "event_id": self.event_id,
                "event_type": self.event_type,
                "user_id": self.user_id,
                "run_id": self.run_id,
                "video_id": self.video_id,
                "segment_id": self.segment_id,
                "index_id": self.index_id,
                "created_at": self.created_at,
                "payload": self.payload,
            }
        )


@dataclass(frozen=True, slots=True)
class Filter:
    """The filter of a stream. An empty set matches everything."""

    run_ids: frozenset[str] = frozenset()
    index_ids: frozenset[str] = frozenset()
    video_ids: frozenset[str] = frozenset()
    event_types: frozenset[str] = frozenset()

    @property
    def matches_everything(self) -> bool:
        """Whether no event is filtered out."""
        return not (self.run_ids or self.index_ids or self.video_ids or self.event_types)

    def matches(self, facets: Facets) -> bool:
        """Whether every set is empty or contains the field."""
        return (
            (not self.event_types or facets.event_type in self.event_types)
            and (not self.run_ids or facets.run_id in self.run_ids)
            and (not self.video_ids or facets.video_id in self.video_ids)
            and (not self.index_ids or facets.index_id in self.index_ids)
        )
