"""What `make destroy` deletes and what it keeps, by the state, while data is protected."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from infra.deploy.resources import Resource

# They are needed again, but can be created again.
_DELETED_WITH_DATA = ("google_pubsub_topic", "google_pubsub_subscription")
# They describe what is kept: the database's indexes, and the settings that it was created with.
_KEPT_TOO = (("google_firestore_field", ""), ("terraform_data", "identity"))
_KEY = re.compile(r"\[[^]]*\]")  # of an instance, in an address


@dataclass(frozen=True, slots=True)
class Selection:
    """Addresses to delete (each with all its instances), and the resources with data that stay."""

    targets: tuple[str, ...]
    kept: tuple[Resource, ...]


def is_protected(resources: Sequence[Resource]) -> bool:
    """Whether anything that holds data is protected against deletion."""
    return any(resource.protected and resource.data is not None for resource in resources)


def find_shared(resources: Sequence[Resource]) -> tuple[str, ...]:
    """Return the addresses of what other bridges in the project may use too.

    The grants on a customer's key are for Google's service agents, which belong to the project.
    """
    kind = "google_kms_crypto_key_iam_member"
    return tuple(sorted({each.all_instances for each in resources if each.type == kind}))


def select(resources: Sequence[Resource]) -> Selection:
    """Keep what holds data and what that depends on, in several steps too; delete all else."""
    kept = [
        resource
        for resource in resources
        if resource.data is not None and resource.type not in _DELETED_WITH_DATA
    ]
    also = [
        resource
        for resource in resources
        if (resource.type, "") in _KEPT_TOO or (resource.type, resource.name) in _KEPT_TOO
    ]
    needed = _find_dependencies(
        resources, {_strip_keys(each.all_instances) for each in kept + also}
    )
    targets = {
        resource.all_instances
        for resource in resources
        if _strip_keys(resource.all_instances) not in needed
    }
    return Selection(tuple(sorted(targets)), tuple(kept))


def _find_dependencies(resources: Sequence[Resource], start: set[str]) -> set[str]:
    """Return the addresses without keys in `start`, and those that they depend on."""
    edges: dict[str, set[str]] = {}
    for resource in resources:
        edges.setdefault(_strip_keys(resource.all_instances), set()).update(resource.dependencies)
    needed: set[str] = set()
    remaining = list(start)
    while remaining:
        address = remaining.pop()
        if address not in needed:
            needed.add(address)
            remaining += edges.get(address, ())
    return needed


def _strip_keys(address: str) -> str:
    return _KEY.sub("", address)
