"""What webhooks are told of: the events of runs in the words of webhooks, and what goes with them.

All of it is pure. The events themselves never stand on the event stream.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

from infra.standin.events.event import Event
from infra.standin.ids import digest

API_VERSION = "2026-01-01"
_RUN = {
    "processing.run_started": "prompt_run.started",
    "processing.run_completed": "prompt_run.completed",
    "processing.run_completed_with_failures": "prompt_run.partial_completed",
    "processing.run_failed": "prompt_run.failed",
}
_MEDIA = {
    "processing.video_started": "media.processing.started",
    "processing.video_completed": "media.processing.completed",
    "processing.video_failed": "media.processing.failed",
}
_EXPORTED = ("prompt_run.completed", "prompt_run.partial_completed")
_ENDED = ("media.processing.completed", "media.processing.failed")


@dataclass(frozen=True, slots=True)
class News:
    """One event that webhooks are told of."""

    id: str
    event: str
    data: dict[str, Any]
    created_at: str

    def body(self) -> bytes:
        """The bytes that are delivered, and signed."""
        return orjson.dumps(self.payload())

    def payload(self) -> dict[str, Any]:
        """The body's fields."""
        return {
            "id": self.id,
            "event": self.event,
            "data": self.data,
            "created_at": self.created_at,
            "api_version": API_VERSION,
        }


@dataclass(slots=True)
class Newsroom:
    """Turns what happens into news. Remembers which videos and indexes it has told of."""

    seed: int
    _told: set[str] = field(default_factory=set)
    _count: int = 0

    def of(self, event: Event) -> list[News]:
        """The news that a processing event is, in order; most events are none."""
        entities = {"run_id": event.run_id, "index_id": event.index_id, "video_id": event.video_id}
        data = {name: value for name, value in entities.items() if value is not None}
        if event.event_type in _RUN:
            return self._of_run(_RUN[event.event_type], data | event.payload, event)
        if event.event_type in _MEDIA:
            return self._of_media(_MEDIA[event.event_type], data | event.payload, event)
        return []

    def make(self, event: str, data: dict[str, Any], created_at: str) -> News:
        """News of any type."""
        self._count += 1
        return News(f"whe_{digest(self.seed, 'news', self._count)}", event, data, created_at)

    def _of_run(self, what: str, data: dict[str, Any], event: Event) -> list[News]:
        found: list[tuple[str, dict[str, Any]]] = []
        index_id = event.index_id
        if what == "prompt_run.started" and index_id is not None and self._is_new(index_id):
            # A library comes into being by an import, over before its first run.
            job = {"import_job_id": f"imp_{digest(index_id)}", "index_id": index_id}
            found += [("import_job.started", job), ("import_job.completed", job)]
        found.append((what, data))
        if what in _EXPORTED:
            export = {"export_id": f"exp_{digest(event.event_id)}", "format": "json"}
            found.append(("export.ready", _only(data, "run_id", "index_id") | export))
        return [self.make(name, given, event.created_at) for name, given in found]

    def _of_media(self, what: str, data: dict[str, Any], event: Event) -> list[News]:
        found: list[tuple[str, dict[str, Any]]] = []
        ids: dict[str, Any] = {
            name: data[name] for name in ("video_id", "index_id") if name in data
        }
        if event.video_id is not None and self._is_new(event.video_id):
            found.append(("media.created", ids))
        found.append((what, data))
        if what in _ENDED:
            run: dict[str, Any] = {
                name: data[name] for name in ("run_id", "index_id") if name in data
            }
            found.append(("prompt_run.progress", run | {"last_video": ids.get("video_id")}))
        return [self.make(name, given, event.created_at) for name, given in found]

    def _is_new(self, what: str) -> bool:
        new = what not in self._told
        self._told.add(what)
        return new


def _only(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: data[name] for name in names if name in data}
