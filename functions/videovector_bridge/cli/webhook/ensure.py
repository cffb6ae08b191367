"""Ensure that exactly one webhook of a name exists as specified, with its secret stored."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from videovector_bridge.api import NotFound
from videovector_bridge.api.models import Webhook
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli.errors import NotReachedError
from videovector_bridge.cli.webhook.secret_rotator import SecretRotator
from videovector_bridge.cli.webhook.webhook_spec import WebhookSpec, make_plan

# The first round makes the changes, the second confirms them. Two more cover a change by another
# process and an API that shows changes late.
_ROUNDS = 4


@dataclass(slots=True)
class Changes:
    """The changes of one run. If there were none, every field is empty or False."""

    created: bool = False
    secret_learned: bool = False
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = [
            "created" if self.created else "",
            "its secret rotated" if self.secret_learned else "",
            f"changed {', '.join(self.changed)}" if self.changed else "",
            f"deleted {', '.join(self.removed)}" if self.removed else "",
        ]
        return "; ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class EnsureResult:
    """The webhook after the run, and the changes that led to it."""

    webhook: Webhook
    changes: Changes


def ensure(
    client: WebhooksClient,
    rotator: SecretRotator,
    spec: WebhookSpec,
    *,
    grace_seconds: float,
    notify: Callable[[str], None],
) -> EnsureResult:
    """Read the state, make the missing changes, and repeat until none is missing.

    A run may be killed anywhere; the next one continues. A webhook is activated only after its
    secret is stored, and surplus webhooks are deleted last. Raises `NotReachedError` if
    VideoVector accepts every change but does not show it.
    """
    changes = Changes()
    missing = ""
    for _ in range(_ROUNDS):
        stored = rotator.load()
        plan = make_plan(_list_webhooks(client, stored.webhook_id), spec, stored.webhook_id)
        if plan.keep is None:
            notify("No such webhook exists: creating it...")
            rotator.create(client, spec, grace_seconds)
            changes.created = True
            missing = "the created webhook"
            continue
        has_secret = stored.has_secret_of(plan.keep.webhook_id, rotator.now())
        if plan.is_empty and has_secret:
            return EnsureResult(plan.keep, changes)
        if not has_secret:
            notify(f"{rotator.store} does not have its secret: rotating it to get a new one...")
            rotator.rotate(client, plan.keep.webhook_id, grace_seconds)
            changes.secret_learned = True
        if plan.changes:
            notify(f"Repairing {', '.join(plan.changes)}...")
            client.update(plan.keep.webhook_id, plan.changes)
            changes.changed += [name for name in plan.changes if name not in changes.changed]
        for webhook in plan.surplus:
            notify(f"Deleting the surplus webhook {webhook.webhook_id}...")
            client.delete(webhook.webhook_id)
            changes.removed.append(webhook.webhook_id)
        missing = ", ".join([*plan.changes, *(w.webhook_id for w in plan.surplus)]) or "the secret"
    raise NotReachedError(
        f"VideoVector accepted every change but does not show it: {missing}. Run this again; if "
        "that does not help, run `videovector-bridge webhook delete`, then this again."
    )


def _list_webhooks(client: WebhooksClient, stored_id: str) -> list[Webhook]:
    """List all webhooks, and get the stored one by its id if the list does not show it yet."""
    webhooks = list(client.list_webhooks())
    if stored_id and all(webhook.webhook_id != stored_id for webhook in webhooks):
        with suppress(NotFound):
            webhooks.append(client.get(stored_id))
    return webhooks
