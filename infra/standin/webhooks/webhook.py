"""Webhooks: their settings, subscribed events and secrets."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.standin.errors import ApiError
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


@dataclass(slots=True, kw_only=True)
class Webhook:
    """One webhook. `generation` counts its secrets from 1; the latest secret signs."""

    webhook_id: str
    name: str
    url: str
    events: tuple[str, ...]
    index_ids: tuple[str, ...] | None = None
    metadata: dict[str, Any] | None = None
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

    def create(self, fields: dict[str, Any], now: str) -> Webhook:
        """Create a webhook from parsed fields."""
        self._created += 1
        webhook_id = f"whk_{digest(self._seed, 'webhook', self._created)}"
        webhook = Webhook(
            webhook_id=webhook_id,
            created_at=now,
            updated_at=now,
            secret=self._secret(webhook_id, 1),
            **fields,
        )
        self._by_id[webhook_id] = webhook
        return webhook

    def find(self, webhook_id: str) -> Webhook:
        """Return a webhook by id. Raises 404."""
        if webhook_id not in self._by_id:
            raise ApiError(404, "Webhook not found")
        return self._by_id[webhook_id]

    def update(self, webhook_id: str, changes: dict[str, Any], now: str) -> Webhook:
        """Change parsed fields. Status `active` resets the failure count. Raises 404."""
        webhook = self.find(webhook_id)
        for name, value in changes.items():
            setattr(webhook, name, value)
        if changes.get("status") == "active":
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
