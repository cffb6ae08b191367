"""The port that reads how resources are configured, and who may use them.

Every method blocks and ends within `timeout` seconds. It raises `NotHereError` where the resource
exists only on Google Cloud, and `BackendError` if it cannot be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from videovector_bridge.backends.ports import Timeout
from videovector_bridge.errors import BackendError

Kind = Literal["topic", "subscription", "bucket", "secret", "project"]


class NotHereError(BackendError):
    """The local stack has no such service."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource: its kind, and its id as in a deployment (a secret's is its full path)."""

    kind: Kind
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class StoredSubscription:
    """How a subscription is configured. Names are full paths; "" or 0 where it has none."""

    topic: str
    filter: str
    push_endpoint: str
    dead_letter_topic: str
    max_delivery_attempts: int
    state: str


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """A version of a secret: when it was created, and whether it is enabled."""

    created_at: datetime
    enabled: bool


class Inventory(Protocol):
    """The configuration of resources, and who may use them."""

    def exists(self, resource: Resource, *, timeout: Timeout) -> bool:
        """Whether a topic, bucket or secret exists."""
        ...

    def subscription(self, id_: str, *, timeout: Timeout) -> StoredSubscription | None:
        """Return a subscription; None if it does not exist."""
        ...

    def ttl_state(self, collection: str, field: str, *, timeout: Timeout) -> str:
        """Return the state of a TTL policy, such as `ACTIVE`; "" without a policy."""
        ...

    def secret_versions(self, secret: str, *, timeout: Timeout) -> Sequence[SecretVersion] | None:
        """Return the versions of a secret, the newest first; None if it does not exist."""
        ...

    def allowed(
        self, resource: Resource, permissions: Sequence[str], *, timeout: Timeout
    ) -> frozenset[str]:
        """Return which of `permissions` the caller has (testIamPermissions)."""
        ...

    def policy(self, resource: Resource, *, timeout: Timeout) -> Mapping[str, frozenset[str]]:
        """Return role -> members, as granted on the resource itself (getIamPolicy)."""
        ...

    def server_time(self, *, timeout: Timeout) -> datetime | None:
        """Return the time of Google's servers, or None if a response had none."""
        ...
