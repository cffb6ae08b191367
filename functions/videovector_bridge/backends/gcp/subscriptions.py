"""Subscriptions of Pub/Sub, read by pull."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from secrets import token_hex
from typing import Any, Final

from google.api_core import exceptions as google_errors
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.ports import Message, Timeout, seconds_left
from videovector_bridge.backends.reading_ports import MAX_PULLED, PulledMessage
from videovector_bridge.errors import BackendError, OutOfTimeError

# The shortest that Pub/Sub allows.
_EXPIRES: Final = timedelta(days=1)
_ACK_DEADLINE_SECONDS: Final = 60
_SHORT_SECONDS: Final = 1.0
_EMULATOR: Final = "PUBSUB_EMULATOR_HOST"


class PubSubSubscriptions:
    """The `Subscriptions` port on Pub/Sub. A name is a short id in `project`, or a full path.

    `endpoint` is the host of Pub/Sub; empty: the global one.
    """

    def __init__(self, project: str, retry: Retry, endpoint: str = "") -> None:
        self._project = project
        self._retry = retry
        self._client = PerProcess(partial(_open_client, endpoint))

    def pull(self, subscription: str, *, limit: int, timeout: Timeout) -> list[PulledMessage]:
        """Return 1 to `limit` messages; wait for the first one until `timeout`, then return []."""
        name = self._path("subscriptions", subscription)
        request = {"subscription": name, "max_messages": min(limit, MAX_PULLED)}
        end = self._retry.clock() + seconds_left(timeout)
        received: Any = []
        while not received and (left := end - self._retry.clock()) > 0:
            try:
                received = self._pull(request, name, left)
            except OutOfTimeError:  # the time ended between two requests
                break
        return [
            PulledMessage(
                each.ack_id,
                each.message.message_id,
                Message(
                    each.message.data, dict(each.message.attributes), each.message.ordering_key
                ),
                each.message.publish_time,
            )
            for each in received
        ]

    def _pull(self, request: dict[str, Any], name: str, left: float) -> Any:
        client = self._client.get()

        def attempt(seconds: float) -> Any:
            try:
                return client.pull(request=request, timeout=seconds, retry=None).received_messages
            except google_errors.DeadlineExceeded:
                return []  # Pub/Sub responds when there is a message
            except google_errors.Cancelled:
                if seconds > _SHORT_SECONDS:
                    raise
                return []  # the deadline reached the server before the request

        operation = f"Pull at Pub/Sub ({name})"
        return self._retry.call(operation, attempt, left, lambda error: _explain(error, name))

    def acknowledge(self, subscription: str, ack_ids: Sequence[str], *, timeout: Timeout) -> None:
        """Acknowledge messages. An expired lease is no error."""
        if ack_ids:
            self._call("acknowledge", subscription, {"ack_ids": list(ack_ids)}, timeout)

    def extend(
        self, subscription: str, ack_ids: Sequence[str], seconds: int, *, timeout: Timeout
    ) -> None:
        """Let leases end in `seconds`; 0 releases them."""
        if ack_ids:
            request = {"ack_ids": list(ack_ids), "ack_deadline_seconds": seconds}
            self._call("modify_ack_deadline", subscription, request, timeout)

    def create_temporary(
        self,
        topic: str,
        *,
        filter_text: str = "",
        since: datetime | None = None,
        timeout: Timeout,
    ) -> str:
        """Create a subscription that expires a day after its last use; return its full name.

        Needs the permission pubsub.subscriptions.create in the project.
        """
        name = self._path("subscriptions", f"videovector-bridge-temporary-{token_hex(6)}")
        request: dict[str, Any] = {
            "name": name,
            "topic": self._path("topics", topic),
            "ack_deadline_seconds": _ACK_DEADLINE_SECONDS,
            "expiration_policy": {"ttl": _EXPIRES},
            "filter": filter_text,
        }
        self._send("create_subscription", request, request["topic"], timeout)
        if since is None and os.environ.get(_EMULATOR):
            # There, a new subscription begins with all that its topic retains.
            since = datetime.now(UTC)
        if since is not None:
            try:
                self._call("seek", name, {"time": since}, timeout)
            except BackendError:
                self.delete(name, timeout=timeout)
                raise
        return name

    def delete(self, subscription: str, *, timeout: Timeout) -> None:
        """Delete a subscription. One that does not exist is a success."""
        self._call("delete_subscription", subscription, {}, timeout, missing_suffices=True)

    def _call(
        self,
        method: str,
        subscription: str,
        request: dict[str, Any],
        timeout: Timeout,
        *,
        missing_suffices: bool = False,
    ) -> Any:
        name = self._path("subscriptions", subscription)
        return self._send(
            method, {**request, "subscription": name}, name, timeout, missing_suffices
        )

    def _send(
        self,
        method: str,
        request: dict[str, Any],
        name: str,
        timeout: Timeout,
        missing_suffices: bool = False,  # noqa: FBT001, FBT002 - private
    ) -> Any:
        send = getattr(self._client.get(), method)

        def attempt(seconds: float) -> Any:
            try:
                return send(request=request, timeout=seconds, retry=None)
            except google_errors.NotFound:
                if missing_suffices:
                    return None
                raise

        return self._retry.call(
            f"{method.replace('_', ' ').capitalize()} at Pub/Sub ({name})",
            attempt,
            timeout,
            lambda error: _explain(error, name),
        )

    def _path(self, kind: str, name: str) -> str:
        return name if "/" in name else f"projects/{self._project}/{kind}/{name}"


def _open_client(endpoint: str) -> SubscriberClient:
    transport = open_transport(SubscriberGrpcTransport, _EMULATOR, endpoint)
    return SubscriberClient(transport=transport)


def _explain(error: Exception, name: str) -> str | None:
    if isinstance(error, google_errors.NotFound):
        kind = "topic" if "/topics/" in name else "subscription"
        return f"There is no {kind} {name}: `make deploy` creates those of the bridge."
    if isinstance(error, google_errors.PermissionDenied):
        return (
            f"Permission denied for {name}: you need roles/pubsub.subscriber on it, and for a "
            "temporary subscription also the permissions pubsub.subscriptions.create, consume and "
            f"delete in the project. ({error.message})"
        )
    return None
