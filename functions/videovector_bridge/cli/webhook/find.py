"""Finding the webhooks of ours that a command is about."""

from videovector_bridge.api import Webhook
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli.exits import NotReachedError
from videovector_bridge.cli.output import tell
from videovector_bridge.cli.webhook.webhook_spec import ours


def find_ours(client: WebhooksClient, name: str, preferred_id: str = "") -> list[Webhook]:
    """All of ours of that name, the one that counts first."""
    return ours(client.list_webhooks(), name, preferred_id)


def find_the_one(client: WebhooksClient, name: str, preferred_id: str = "") -> Webhook:
    """The one of ours of that name; raises `NotReachedError` if there is none, tells of others."""
    found = find_ours(client, name, preferred_id)
    if not found:
        raise NotReachedError(
            f"There is no webhook of ours named {name!r}: `videovector-bridge webhook ensure` "
            "makes it, `videovector-bridge webhook list` shows all."
        )
    if others := ", ".join(webhook.webhook_id for webhook in found[1:]):
        tell(f"There are further ones of that name ({others}); `webhook ensure` removes them.")
    return found[0]
