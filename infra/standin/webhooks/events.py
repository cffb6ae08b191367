"""Webhook events, derived from processing events. No I/O.

Webhook events are not part of the event stream.
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
class WebhookEvent:
    """One event that is delivered to webhooks."""

    id: str
    event_type: str
    data: dict[str, Any]
    created_at: str

    def body(self) -> bytes:
        """Return the bytes to sign and deliver."""
        return orjson.dumps(self.payload())

    def payload(self) -> dict[str, Any]:
        """Return the fields of the body."""
        return {
            "id": self.id,
            "event": self.event_type,
            "data": self.data,
            "created_at": self.created_at,
            "api_version": API_VERSION,
        }


@dataclass(slots=True)
class WebhookEventMapper:
    """Derives webhook events. Announces each video and each index once."""

    seed: int
    _announced: set[str] = field(default_factory=set)
    _count: int = 0

    def from_event(self, event: Event) -> list[WebhookEvent]:
        """Return the webhook events of a processing event, in order. Most events have none."""
        entities = {"run_id": event.run_id, "index_id": event.index_id, "video_id": event.video_id}
        data = {name: value for name, value in entities.items() if value is not None}
        if event.event_type in _RUN:
            return self._from_run(_RUN[event.event_type], data | event.payload, event)
        if event.event_type in _MEDIA:
            return self._from_media(_MEDIA[event.event_type], data | event.payload, event)
        return []

    def create(self, event_type: str, data: dict[str, Any], created_at: str) -> WebhookEvent:
        """Create a webhook event of any type."""
        self._count += 1
        event_id = f"whe_{digest(self.seed, 'webhook event', self._count)}"
        return WebhookEvent(event_id, event_type, data, created_at)

    def _from_run(self, name: str, data: dict[str, Any], event: Event) -> list[WebhookEvent]:
        events: list[tuple[str, dict[str, Any]]] = []
        index_id = event.index_id
        if name == "prompt_run.started" and index_id is not None and self._is_new(index_id):
            # An import, which ends before the first run, creates the library.
            job = {"import_job_id": f"imp_{digest(index_id)}", "index_id": index_id}
            events += [("import_job.started", job), ("import_job.completed", job)]
        events.append((name, data))
        if name in _EXPORTED:
            export = {"export_id": f"exp_{digest(event.event_id)}", "format": "json"}
            events.append(("export.ready", _select(data, "run_id", "index_id") | export))
        return [self.create(kind, fields, event.created_at) for kind, fields in events]

    def _from_media(self, name: str, data: dict[str, Any], event: Event) -> list[WebhookEvent]:
        events: list[tuple[str, dict[str, Any]]] = []
        if event.video_id is not None and self._is_new(event.video_id):
            events.append(("media.created", _select(data, "video_id", "index_id")))
        events.append((name, data))
        if name in _ENDED:
            run = _select(data, "run_id", "index_id")
            events.append(("prompt_run.progress", run | {"last_video": data.get("video_id")}))
        return [self.create(kind, fields, event.created_at) for kind, fields in events]

    def _is_new(self, entity_id: str) -> bool:
        new = entity_id not in self._announced
        self._announced.add(entity_id)
        return new


def _select(data: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: data[name] for name in names if name in data}
