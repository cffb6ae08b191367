"""Addresses in states of version 0.1.0, which the configuration does not name.

`infra/moved.tf` renames the others. It cannot rename push subscriptions: their key has the hash of
their filter, which only the state knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.deploy.resources import Resource

_MODULE = "module.bridge"
_EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Move:
    """A resource to rename in the state, from one address to another."""

    source: str
    target: str


def find_moves(resources: Sequence[Resource]) -> list[Move]:
    """Return a move for each push subscription of the root module, and for its grant.

    The new key is the subscription's name without the prefix, such as `upsert-markers-6b16d4fe`.
    """
    in_root = [resource for resource in resources if not resource.module]
    prefix = _read_prefix(resources)
    names = {
        resource.key: str(resource.values["name"]).removeprefix(prefix)
        for resource in in_root
        if (resource.type, resource.name) == ("google_pubsub_subscription", "push")
    }
    existing = {resource.address for resource in resources}
    moves = []
    for resource in in_root:
        if resource.key in names and (resource.type, resource.name) in (
            ("google_pubsub_subscription", "push"),
            ("google_pubsub_subscription_iam_member", "dead_letter"),
        ):
            target = f'{_MODULE}.{resource.type}.{resource.name}["{names[resource.key]}"]'
            if target not in existing:
                moves.append(Move(resource.address, target))
    # Grants first: a repeated run finds the key of a grant by its subscription.
    return sorted(moves, key=lambda move: ("iam_member" not in move.source, move.source))


def is_old(resources: Sequence[Resource]) -> bool:
    """Whether the state was written by version 0.1.0, with every resource in the root module."""
    return any(
        not resource.module and resource.type == "google_pubsub_topic" for resource in resources
    )


def _read_prefix(resources: Sequence[Resource]) -> str:
    for resource in resources:
        if resource.type == "google_pubsub_topic" and resource.key == _EVENTS:
            return str(resource.values["name"]).removesuffix(_EVENTS)
    return ""
