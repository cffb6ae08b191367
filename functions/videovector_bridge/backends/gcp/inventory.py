"""The configuration of Google's resources, by their REST APIs. Not seen on real Google Cloud.

Reference pages: https://cloud.google.com/pubsub/docs/reference/rest,
https://cloud.google.com/storage/docs/json_api/v1/buckets,
https://cloud.google.com/secret-manager/docs/reference/rest,
https://cloud.google.com/resource-manager/reference/rest/v3/projects,
https://cloud.google.com/firestore/docs/reference/rest/v1/projects.databases.collectionGroups.fields.

Google's emulators of Pub/Sub and Cloud Storage answer for theirs, without policies.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from videovector_bridge.backends.gcp.rest import GoogleRest, RestResponse
from videovector_bridge.backends.inventory_port import (
    NotHereError,
    Resource,
    SecretVersion,
    StoredSubscription,
)
from videovector_bridge.backends.ports import Timeout
from videovector_bridge.errors import BackendError
from videovector_bridge.events import parse_time

_PUBSUB: Final = "https://pubsub.googleapis.com/v1"
_STORAGE: Final = "https://storage.googleapis.com/storage/v1"
_SECRETS: Final = "https://secretmanager.googleapis.com/v1"
_PROJECTS: Final = "https://cloudresourcemanager.googleapis.com/v3"
_FIRESTORE: Final = "https://firestore.googleapis.com/v1"
_VERSIONS: Final = 100
_POLICY_VERSION: Final = 3  # with conditions


class GoogleInventory:
    """The `Inventory` port on Google Cloud."""

    def __init__(self, project: str, database: str, rest: GoogleRest) -> None:
        self._project = project
        self._database = database
        self._rest = rest

    def exists(self, resource: Resource, *, timeout: Timeout) -> bool:
        """Whether a topic, bucket or secret exists."""
        return self._get(self._url(resource), timeout).exists

    def subscription(self, id_: str, *, timeout: Timeout) -> StoredSubscription | None:
        """Return a subscription; None if it does not exist."""
        response = self._get(self._url(Resource("subscription", id_)), timeout)
        if not response.exists:
            return None
        body = response.body
        push, dead_letters = body.get("pushConfig") or {}, body.get("deadLetterPolicy") or {}
        return StoredSubscription(
            topic=str(body.get("topic", "")),
            filter=str(body.get("filter", "")),
            push_endpoint=str(push.get("pushEndpoint", "")),
            dead_letter_topic=str(dead_letters.get("deadLetterTopic", "")),
            max_delivery_attempts=int(dead_letters.get("maxDeliveryAttempts", 0)),
            state=str(body.get("state", "")),
        )

    def ttl_state(self, collection: str, field: str, *, timeout: Timeout) -> str:
        """Return the state of a TTL policy; "" without one."""
        path = f"projects/{self._project}/databases/{self._database}/collectionGroups"
        response = self._get(f"{_FIRESTORE}/{path}/{collection}/fields/{field}", timeout)
        config = response.body.get("ttlConfig") or {}
        return str(config.get("state", "")) if response.exists else ""

    def secret_versions(self, secret: str, *, timeout: Timeout) -> Sequence[SecretVersion] | None:
        """Return the newest 100 versions of a secret; None if it does not exist."""
        url = f"{_SECRETS}/{secret}/versions"
        response = self._get(url, timeout, params={"pageSize": _VERSIONS})
        if not response.exists:
            return None
        versions = [
            SecretVersion(created_at, each.get("state") == "ENABLED")
            for each in response.body.get("versions") or ()
            if (created_at := parse_time(each.get("createTime"))) is not None
        ]
        return sorted(versions, key=lambda each: each.created_at, reverse=True)

    def allowed(
        self, resource: Resource, permissions: Sequence[str], *, timeout: Timeout
    ) -> frozenset[str]:
        """Return which of `permissions` the caller has."""
        url = self._url(resource)
        if resource.kind == "bucket":
            response = self._get(
                f"{url}/iam/testPermissions", timeout, params={"permissions": list(permissions)}
            )
        else:
            body = {"permissions": list(permissions)}
            response = self._send("POST", f"{url}:testIamPermissions", timeout, body=body)
        return frozenset(map(str, self._require(response, resource).get("permissions") or ()))

    def policy(self, resource: Resource, *, timeout: Timeout) -> Mapping[str, frozenset[str]]:
        """Return role -> members on the resource itself. Conditions are not evaluated."""
        url = self._url(resource)
        if resource.kind == "bucket":
            params = {"optionsRequestedPolicyVersion": _POLICY_VERSION}
            response = self._get(f"{url}/iam", timeout, params=params)
        elif resource.kind == "project":
            body = {"options": {"requestedPolicyVersion": _POLICY_VERSION}}
            response = self._send("POST", f"{url}:getIamPolicy", timeout, body=body)
        else:
            params = {"options.requestedPolicyVersion": _POLICY_VERSION}
            response = self._get(f"{url}:getIamPolicy", timeout, params=params)
        members: dict[str, frozenset[str]] = {}
        for binding in self._require(response, resource).get("bindings") or ():
            role = str(binding.get("role", ""))
            members[role] = members.get(role, frozenset()) | frozenset(binding.get("members") or ())
        return members

    def server_time(self, *, timeout: Timeout) -> datetime | None:
        """Return the time in the header `Date` of a response of Pub/Sub."""
        url = f"{_PUBSUB}/projects/{self._project}/topics"
        try:
            date = parsedate_to_datetime(self._get(url, timeout, params={"pageSize": 1}).date)
        except ValueError:
            return None
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date

    def _url(self, resource: Resource) -> str:
        match resource.kind:
            case "topic" | "subscription":
                return f"{_PUBSUB}/projects/{self._project}/{resource.kind}s/{resource.id}"
            case "bucket":
                return f"{_STORAGE}/b/{resource.id}"
            case "secret":
                return f"{_SECRETS}/{resource.id}"
        return f"{_PROJECTS}/projects/{resource.id}"

    def _require(self, response: RestResponse, resource: Resource) -> Mapping[str, Any]:
        if not response.exists:
            raise BackendError(f"There is no {resource}.")
        return response.body

    def _get(
        self, url: str, timeout: Timeout, params: Mapping[str, Any] | None = None
    ) -> RestResponse:
        return self._send("GET", url, timeout, params=params)

    def _send(self, method: str, url: str, timeout: Timeout, **content: Any) -> RestResponse:
        if not self._rest.is_reachable(url):
            raise NotHereError("Only on Google Cloud.")
        return self._rest.send(method, url, timeout=timeout, **content)
