"""Which webhooks of the account belong to the bridge, and under which name. Pure.

The command line creates them with this mark.
"""

import re
from collections.abc import Iterable
from typing import Final

from videovector_bridge.api.models import Webhook

MANAGER: Final = "videovector-bridge"
# With the prefix, a name has at most the 100 characters that VideoVector allows.
BRIDGE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def display_name(name: str) -> str:
    """Return the name under which VideoVector lists the webhook. Its prefix is reserved."""
    return f"{MANAGER}:{name}"


def find_bridge_name(webhook: Webhook) -> str | None:
    """Return the bridge's name for a webhook, or None if the webhook is not the bridge's.

    The mark in the metadata decides. Without any metadata the display name decides.
    """
    if webhook.metadata:
        is_marked = webhook.metadata.get("managed_by") == MANAGER
        name = webhook.metadata.get("name")
        return name if is_marked and isinstance(name, str) else None
    manager, separator, name = webhook.name.partition(":")
    return name if manager == MANAGER and separator and BRIDGE_NAME.fullmatch(name) else None


def select_webhooks(
    webhooks: Iterable[Webhook], name: str, preferred_id: str = ""
) -> list[Webhook]:
    """Return the bridge's webhooks of this name, the one to keep first.

    That is the one with `preferred_id` (its secret is stored), otherwise an active one, otherwise
    the oldest.
    """
    return sorted(
        (webhook for webhook in webhooks if find_bridge_name(webhook) == name),
        key=lambda webhook: (
            webhook.webhook_id != preferred_id,
            webhook.status != "active",
            webhook.created_at or "~",
            webhook.webhook_id,
        ),
    )
