"""Which webhook is wanted, which of those that exist are ours, and what makes the one of the other.

All of it is pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from videovector_bridge.api import Webhook
from videovector_bridge.redact import redact
from videovector_bridge.settings import is_loopback_url

MANAGER: Final = "videovector-bridge"
# With the prefix, within the 100 characters that VideoVector allows a name.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_PORTS: Final = {"https": 443, "http": 80}
_VISIBLE: Final = re.compile(r"[!-~]+")  # of an address; anything else is to be %-encoded


@dataclass(frozen=True, slots=True)
class Wanted:
    """The one webhook that is to exist. `name` is ours for it; `index_ids` None: every index."""

    name: str
    url: str = field(repr=False)
    events: tuple[str, ...]
    index_ids: tuple[str, ...] | None = None

    @property
    def metadata(self) -> dict[str, str]:
        """The mark by which it is known again."""
        return {"managed_by": MANAGER, "name": self.name}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: nothing, unless there is none to `keep`, or `changes`, or `surplus`.

    `changes` are the fields that are to be patched. `surplus` are further ones of ours.
    """

    keep: Webhook | None
    changes: Mapping[str, Any] = field(default_factory=dict)
    surplus: tuple[Webhook, ...] = ()

    @property
    def done(self) -> bool:
        """Whether everything is as wanted."""
        return self.keep is not None and not self.changes and not self.surplus


def shown_name(name: str) -> str:
    """The name under which VideoVector lists ours. The prefix is reserved for the bridge."""
    return f"{MANAGER}:{name}"


def our_name(webhook: Webhook) -> str | None:
    """Our name for a webhook, or None if it is not the bridge's.

    The mark in its metadata decides. Only where VideoVector shows no metadata its name does.
    """
    if webhook.metadata:
        marked = webhook.metadata.get("managed_by") == MANAGER
        name = webhook.metadata.get("name")
        return name if marked and isinstance(name, str) else None
    manager, separator, name = webhook.name.partition(":")
    return name if manager == MANAGER and separator and _NAME.fullmatch(name) else None


def ours(webhooks: Iterable[Webhook], name: str, preferred_id: str = "") -> list[Webhook]:
    """Ours of that name, the one to keep first.

    That is the one with `preferred_id` (its secret is the one that is stored), else an active one,
    else the oldest.
    """
    return sorted(
        (webhook for webhook in webhooks if our_name(webhook) == name),
        key=lambda webhook: (
            webhook.webhook_id != preferred_id,
            webhook.status != "active",
            webhook.created_at or "~",
            webhook.webhook_id,
        ),
    )


def plan(existing: Iterable[Webhook], wanted: Wanted, preferred_id: str = "") -> Plan:
    """What makes exactly one of ours exist, as wanted. Others' webhooks are in no plan."""
    found = ours(existing, wanted.name, preferred_id)
    if not found:
        return Plan(None)
    return Plan(found[0], drift(found[0], wanted), tuple(found[1:]))


def drift(webhook: Webhook, wanted: Wanted) -> dict[str, Any]:
    """The fields to patch, with their values. The order of events and indexes means nothing."""
    changes: dict[str, Any] = {}
    if webhook.name != shown_name(wanted.name):
        changes["name"] = shown_name(wanted.name)
    if _plain(webhook.url) != _plain(wanted.url):
        changes["url"] = wanted.url
    if set(webhook.events) != set(wanted.events):
        changes["events"] = [*wanted.events]
    if set(webhook.index_ids or ()) != set(wanted.index_ids or ()):
        changes["index_ids"] = None if wanted.index_ids is None else [*wanted.index_ids]
    if webhook.status != "active":
        changes["status"] = "active"
    return changes


def problems_of(name: str, url: str) -> list[str]:
    """What is wrong with what the operator asks for, in sentences."""
    problems = problems_of_name(name)
    try:
        parts = urlsplit(url if _VISIBLE.fullmatch(url) else "")
        local = parts.scheme == "http" and is_loopback_url(url)
        fits = bool(parts.hostname) and (parts.scheme == "https" or local)
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


def problems_of_name(name: str) -> list[str]:
    """What is wrong with our name for a webhook."""
    if _NAME.fullmatch(name):
        return []
    return [f"--name must be 1 to 63 letters, digits, dots, - and _, not {name[:80]!r}"]


def words_of(values: Sequence[str]) -> tuple[str, ...]:
    """The words of a repeatable option that also takes them joined by commas, each once."""
    words = (word.strip() for value in values for word in value.split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def _plain(url: str) -> str:
    """An address as servers write it: host in lower case, no default port, a path."""
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
