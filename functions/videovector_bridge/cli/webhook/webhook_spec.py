"""The webhook that should exist, and how the existing one differs.

All functions are pure.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from videovector_bridge.api.bridge_webhooks import (
    BRIDGE_NAME,
    MANAGER,
    display_name,
    select_webhooks,
)
from videovector_bridge.api.models import Webhook
from videovector_bridge.cli.errors import NotReachedError
from videovector_bridge.redact import redact
from videovector_bridge.settings import is_loopback_url

_PORTS: Final = {"https": 443, "http": 80}
_VISIBLE: Final = re.compile(r"[!-~]+")  # of a URL; other characters must be %-encoded


@dataclass(frozen=True, slots=True)
class WebhookSpec:
    """The webhook that should exist. `name` is the bridge's; `index_ids` None means all indexes."""

    name: str
    url: str = field(repr=False)
    events: tuple[str, ...]
    index_ids: tuple[str, ...] | None = None

    @property
    def metadata(self) -> dict[str, str]:
        """The mark that identifies the webhook as the bridge's."""
        return {"managed_by": MANAGER, "name": self.name}


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes to make: create a webhook if `keep` is None, patch `keep`, delete `surplus`."""

    keep: Webhook | None
    changes: Mapping[str, Any] = field(default_factory=dict)
    surplus: tuple[Webhook, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to change."""
        return self.keep is not None and not self.changes and not self.surplus


def select_webhook(
    webhooks: Iterable[Webhook],
    name: str,
    preferred_id: str = "",
    *,
    notify: Callable[[str], None],
) -> Webhook:
    """Return the bridge's webhook of this name; `notify` prints a message about surplus ones.

    Raises `NotReachedError` if there is none.
    """
    selected = select_webhooks(webhooks, name, preferred_id)
    if not selected:
        raise NotReachedError(
            f"The bridge has no webhook named {name!r}: `videovector-bridge webhook ensure` "
            "creates it, `videovector-bridge webhook list` lists all."
        )
    if surplus := ", ".join(webhook.webhook_id for webhook in selected[1:]):
        notify(f"There are more webhooks of that name ({surplus}); `webhook ensure` deletes them.")
    return selected[0]


def make_plan(existing: Iterable[Webhook], spec: WebhookSpec, preferred_id: str = "") -> Plan:
    """Return the changes after which exactly one webhook is as specified.

    Webhooks of others are never in a plan.
    """
    selected = select_webhooks(existing, spec.name, preferred_id)
    if not selected:
        return Plan(None)
    return Plan(selected[0], find_drift(selected[0], spec), tuple(selected[1:]))


def find_drift(webhook: Webhook, spec: WebhookSpec) -> dict[str, Any]:
    """Return the fields to patch with their values. Events and indexes are compared as sets."""
    changes: dict[str, Any] = {}
    if webhook.name != display_name(spec.name):
        changes["name"] = display_name(spec.name)
    if _normalize_url(webhook.url) != _normalize_url(spec.url):
        changes["url"] = spec.url
    if set(webhook.events) != set(spec.events):
        changes["events"] = [*spec.events]
    if set(webhook.index_ids or ()) != set(spec.index_ids or ()):
        changes["index_ids"] = None if spec.index_ids is None else [*spec.index_ids]
    if webhook.status != "active":
        changes["status"] = "active"
    return changes


def check_options(name: str, url: str) -> list[str]:
    """Return what is wrong with `--name` and `--url`, in sentences."""
    problems = check_name(name)
    try:
        parts = urlsplit(url if _VISIBLE.fullmatch(url) else "")
        is_local = parts.scheme == "http" and is_loopback_url(url)
        fits = bool(parts.hostname) and (parts.scheme == "https" or is_local)
        fits = fits and "@" not in parts.netloc
        _ = parts.port
    except ValueError:
        fits = False
    if not fits:
        problems.append(
            "--url must be an https address (http on this machine only) without a user, "
            f"not {redact(url)!r}"
        )
    return problems


def check_name(name: str) -> list[str]:
    """Return what is wrong with the bridge's name for a webhook."""
    if BRIDGE_NAME.fullmatch(name):
        return []
    return [f"--name must be 1 to 63 letters, digits, dots, - and _, not {name[:80]!r}"]


def split_words(values: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a repeatable option that also accepts commas, without duplicates."""
    words = (word.strip() for value in values for word in value.split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def _normalize_url(url: str) -> str:
    """Write the URL as servers do: host in lower case, no default port, a path."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS.get(parts.scheme):
        host = f"{host}:{port}"
    return urlunsplit((parts.scheme, host, parts.path or "/", parts.query, parts.fragment))
