"""Making exactly one webhook of ours exist, as wanted, with its secret stored."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from videovector_bridge.api import NotFound, Webhook
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli.exits import NotReachedError
from videovector_bridge.cli.webhook.secret_rotator import SecretKeeper
from videovector_bridge.cli.webhook.webhook_spec import Wanted, plan

# The first brings everything about, the second finds it so. One more for each thing that another
# process may do in between, or that an API takes a moment to show.
_ROUNDS = 4


@dataclass(slots=True)
class Done:
    """What it took: nothing at all if every field is empty or False."""

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
class Ensured:
    """The webhook as it is now, and what it took."""

    webhook: Webhook
    done: Done


def ensure(
    client: WebhooksClient,
    keeper: SecretKeeper,
    wanted: Wanted,
    *,
    grace_seconds: float,
    tell: Callable[[str], None],
) -> Ensured:
    """Look, do what is missing, and look again until nothing is.

    May be killed anywhere and run again. The webhook is not active before its secret is stored, as
    far as it is up to us, and further ones of ours are deleted last. Raises `NotReachedError` if
    VideoVector accepts everything and still shows something else.
    """
    done = Done()
    missing = ""
    for _ in range(_ROUNDS):
        stored = keeper.load()
        step = plan(_survey(client, stored.webhook_id), wanted, stored.webhook_id)
        if step.keep is None:
            tell("There is none of ours: creating it...")
            keeper.create(client, wanted, grace_seconds)
            done.created = True
            missing = "the webhook that it has created"
            continue
        known = stored.knows(step.keep.webhook_id, keeper.now())
        if step.done and known:
            return Ensured(step.keep, done)
        if not known:
            tell(f"{keeper.store} does not hold its secret: rotating it to learn one...")
            keeper.rotate(client, step.keep.webhook_id, grace_seconds)
            done.secret_learned = True
        if step.changes:
            tell(f"Repairing {', '.join(step.changes)}...")
            client.update(step.keep.webhook_id, step.changes)
            done.changed += [name for name in step.changes if name not in done.changed]
        for webhook in step.surplus:
            tell(f"Deleting {webhook.webhook_id}, a further one of ours...")
            client.delete(webhook.webhook_id)
            done.removed.append(webhook.webhook_id)
        missing = ", ".join([*step.changes, *(w.webhook_id for w in step.surplus)]) or "the secret"
    raise NotReachedError(
        f"VideoVector accepted every change but does not show it: {missing}. Run this again; if it "
        "stays so, `videovector-bridge webhook delete` it and run this again."
    )


def _survey(client: WebhooksClient, known_id: str) -> list[Webhook]:
    """Every webhook; the known one also where a list does not show it yet."""
    found = list(client.list_webhooks())
    if known_id and all(webhook.webhook_id != known_id for webhook in found):
        with suppress(NotFound):
            found.append(client.get(known_id))
    return found
