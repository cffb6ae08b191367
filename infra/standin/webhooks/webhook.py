"""Webhooks as the API keeps them: what may be set, which events each one is for, its secret."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from infra.standin.errors import ApiError, invalid
from infra.standin.ids import digest

EVENTS = (
    "media.created",
    *(f"media.processing.{what}" for what in ("started", "completed", "failed")),
    *(f"prompt_run.{what}" for what in ("started", "completed", "failed", "cancelled")),
    *(f"prompt_run.{what}" for what in ("partial_completed", "progress")),
    *(f"export.{what}" for what in ("ready", "failed")),
    *(f"import_job.{what}" for what in ("started", "completed", "failed")),
    *(f"import_job.{what}" for what in ("partial_completed", "progress")),
)

_MAX_NAME = 100
_FIELDS = ("name", "url", "events", "index_ids", "metadata")
_SETTABLE = ("active", "paused")


@dataclass(slots=True)
class Webhook:
    """One webhook. `generation` counts its secrets from 1; the last is the one that signs."""

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
        """The webhook as it is shown: without its secret."""
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

    def wants(self, event: str, index_id: object) -> bool:
        """Whether an event of that type, in that index if any, is for it."""
        in_scope = self.index_ids is None or index_id in self.index_ids
        return self.status == "active" and event in self.events and in_scope


class Webhooks:
    """The user's webhooks, in the order of their making."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._by_id: dict[str, Webhook] = {}
        self._made = 0

    def create(self, body: object, now: str) -> Webhook:
        """Make one. Raises 422."""
        found = _checked(body, required=("name", "url", "events"))
        self._made += 1
        webhook_id = f"whk_{digest(self._seed, 'webhook', self._made)}"
        webhook = Webhook(
            webhook_id,
            found["name"],
            found["url"],
            found["events"],
            found.get("index_ids"),
            found.get("metadata"),
            now,
            now,
            self._secret(webhook_id, 1),
        )
        self._by_id[webhook_id] = webhook
        return webhook

    def find(self, webhook_id: str) -> Webhook:
        """The one of that id. Raises 404."""
        if webhook_id not in self._by_id:
            raise ApiError(404, "Webhook not found")
        return self._by_id[webhook_id]

    def update(self, webhook_id: str, body: object, now: str) -> Webhook:
        """Change what `body` names. Setting it active forgets its failures. Raises 404 and 422."""
        webhook = self.find(webhook_id)
        for name, value in _checked(body, required=(), more=("status",)).items():
            setattr(webhook, name, value)
            if (name, value) == ("status", "active"):
                webhook.failure_count = 0
        webhook.updated_at = now
        return webhook

    def rotate(self, webhook_id: str, now: str) -> Webhook:
        """Give it a new secret, which signs from now on. Raises 404."""
        webhook = self.find(webhook_id)
        webhook.generation += 1
        webhook.secret = self._secret(webhook_id, webhook.generation)
        webhook.updated_at = now
        return webhook

    def delete(self, webhook_id: str) -> None:
        """Remove it. Raises 404."""
        del self._by_id[self.find(webhook_id).webhook_id]

    def all(self) -> Iterator[Webhook]:
        """Every webhook, the oldest first."""
        return iter(self._by_id.values())

    def _secret(self, webhook_id: str, generation: int) -> str:
        return f"whsec_{digest(self._seed, webhook_id, generation, length=40)}"


def _checked(
    body: object, *, required: tuple[str, ...], more: tuple[str, ...] = ()
) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise invalid("The body is an object")
    for name in required:
        if body.get(name) is None:
            raise invalid(f"{name} is required", name)
    found = {name: body[name] for name in (*_FIELDS, *more) if name in body}
    name, status = found.get("name", "x"), found.get("status", "active")
    if not isinstance(name, str) or not 1 <= len(name) <= _MAX_NAME:
        raise invalid(f"name has 1 to {_MAX_NAME} characters", "name")
    if status not in _SETTABLE:
        raise invalid(f"status is one of {', '.join(_SETTABLE)}", "status")
    if "url" in found and not _may_be_called(found["url"]):
        raise invalid("url is an https address (http on this machine only)", "url")
    if "events" in found:
        found["events"] = _known_events(found["events"])
    if found.get("index_ids") is not None:
        found["index_ids"] = _texts(found["index_ids"], "index_ids")
    if not isinstance(found.get("metadata"), dict | None):
        raise invalid("metadata is an object", "metadata")
    return found


def _known_events(value: object) -> tuple[str, ...]:
    events = _texts(value, "events")
    if not events:
        raise invalid("events names at least one event", "events")
    for event in events:
        if event not in EVENTS:
            raise invalid(f"{event!r} is no event; GET /webhooks/events lists them", "events")
    return events


def _texts(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise invalid(f"{name} is a list of strings", name)
    return tuple(dict.fromkeys(value))


def _may_be_called(url: object) -> bool:
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
