"""Webhooks: their settings, subscribed events and secrets."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from infra.standin.errors import ApiError, invalid
from infra.standin.ids import digest

WEBHOOK_EVENTS = (
    "media.created",
    *(f"media.processing.{state}" for state in ("started", "completed", "failed")),
    *(f"prompt_run.{state}" for state in ("started", "completed", "failed", "cancelled")),
    *(f"prompt_run.{state}" for state in ("partial_completed", "progress")),
    *(f"export.{state}" for state in ("ready", "failed")),
    *(f"import_job.{state}" for state in ("started", "completed", "failed")),
    *(f"import_job.{state}" for state in ("partial_completed", "progress")),
)

_MAX_NAME = 100
_FIELDS = ("name", "url", "events", "index_ids", "metadata")
_SETTABLE = ("active", "paused")


@dataclass(slots=True)
class Webhook:
    """One webhook. `generation` counts its secrets from 1; the latest secret signs."""

    webhook_id: str
    name: str
    url: str
    events: tuple[str, ...]
    index_ids: tuple[str, ...] | None
    metadata: dict[str, Any] | None
    created_at: str
    updated_at: str
    secret: str = field(repr=False)
    generation: int = 1
    status: str = "active"
    failure_count: int = 0
    last_failure_at: str | None = None
    last_success_at: str | None = None

    def json(self) -> dict[str, Any]:
        """Return the webhook as the API shows it, without its secret."""
        return {
            "webhook_id": self.webhook_id,
            "name": self.name,
            "url": self.url,
            "events": list(self.events),
            "index_ids": None if self.index_ids is None else list(self.index_ids),
            "status": self.status,
            "failure_count": self.failure_count,
            "last_failure_at": self.last_failure_at,
            "last_success_at": self.last_success_at,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "metadata": self.metadata,
        }

    def accepts(self, event_type: str, index_id: object) -> bool:
        """Whether it is active and subscribed to the event type and the index."""
        in_scope = self.index_ids is None or index_id in self.index_ids
        return self.status == "active" and event_type in self.events and in_scope


class Webhooks:
    """The webhooks of the user, oldest first."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._by_id: dict[str, Webhook] = {}
        self._created = 0

    def create(self, body: object, now: str) -> Webhook:
        """Create a webhook. Raises 422."""
        fields = _parse(body, required=("name", "url", "events"))
        self._created += 1
        webhook_id = f"whk_{digest(self._seed, 'webhook', self._created)}"
        webhook = Webhook(
            webhook_id,
            fields["name"],
            fields["url"],
            fields["events"],
            fields.get("index_ids"),
            fields.get("metadata"),
            now,
            now,
            self._secret(webhook_id, 1),
        )
        self._by_id[webhook_id] = webhook
        return webhook

    def find(self, webhook_id: str) -> Webhook:
        """Return a webhook by id. Raises 404."""
        if webhook_id not in self._by_id:
            raise ApiError(404, "Webhook not found")
        return self._by_id[webhook_id]

    def update(self, webhook_id: str, body: object, now: str) -> Webhook:
        """Change fields. Status `active` resets the failure count. Raises 404 or 422."""
        webhook = self.find(webhook_id)
        for name, value in _parse(body, required=(), more=("status",)).items():
            setattr(webhook, name, value)
            if (name, value) == ("status", "active"):
                webhook.failure_count = 0
        webhook.updated_at = now
        return webhook

    def rotate(self, webhook_id: str, now: str) -> Webhook:
        """Replace the secret; the new one signs immediately. Raises 404."""
        webhook = self.find(webhook_id)
        webhook.generation += 1
        webhook.secret = self._secret(webhook_id, webhook.generation)
        webhook.updated_at = now
        return webhook

    def delete(self, webhook_id: str) -> None:
        """Delete a webhook. Raises 404."""
        del self._by_id[self.find(webhook_id).webhook_id]

    def all(self) -> Iterator[Webhook]:
        """Return every webhook, oldest first."""
        return iter(self._by_id.values())

    def _secret(self, webhook_id: str, generation: int) -> str:
        return f"whsec_{digest(self._seed, webhook_id, generation, length=40)}"


def _parse(
    body: object, *, required: tuple[str, ...], more: tuple[str, ...] = ()
) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise invalid("The body is an object")
    for name in required:
        if body.get(name) is None:
            raise invalid(f"{name} is required", name)
    fields = {name: body[name] for name in (*_FIELDS, *more) if name in body}
    name, status = fields.get("name", "x"), fields.get("status", "active")
    if not isinstance(name, str) or not 1 <= len(name) <= _MAX_NAME:
        raise invalid(f"name has 1 to {_MAX_NAME} characters", "name")
    if status not in _SETTABLE:
        raise invalid(f"status is one of {', '.join(_SETTABLE)}", "status")
    if "url" in fields and not _is_allowed_url(fields["url"]):
        raise invalid("url is an https URL (http only for a loopback address)", "url")
    if "events" in fields:
        fields["events"] = _parse_events(fields["events"])
    if fields.get("index_ids") is not None:
        fields["index_ids"] = _parse_strings(fields["index_ids"], "index_ids")
    if not isinstance(fields.get("metadata"), dict | None):
        raise invalid("metadata is an object", "metadata")
    return fields


def _parse_events(value: object) -> tuple[str, ...]:
    events = _parse_strings(value, "events")
    if not events:
        raise invalid("events has at least one item", "events")
    for event in events:
        if event not in WEBHOOK_EVENTS:
            raise invalid(f"{event!r} is not an event; GET /webhooks/events lists them", "events")
    return events


def _parse_strings(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise invalid(f"{name} is a list of strings", name)
    return tuple(dict.fromkeys(value))


def _is_allowed_url(url: object) -> bool:
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
