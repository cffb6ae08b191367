"""Read messages that are published on a Pub/Sub topic from now on."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from types import TracebackType
from typing import Any, Self

from google.api_core import exceptions as google_errors
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from videovector_bridge.backends.gcp.channels import open_transport
from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.errors import BackendError
from videovector_bridge.events import TEST, TYPE_PREFIX

_TYPE = TYPE_PREFIX + TEST
_SECONDS = 20.0
# Removes a subscription that a killed process left behind; the minimum that Pub/Sub allows.
_EXPIRES = timedelta(days=1)
_RETAINED = timedelta(minutes=10)
# Tolerates different clocks, but not an old test event in the backlog.
_MAX_CLOCK_SKEW = timedelta(seconds=60)


class PubSubWatch:
    """The `Watch` port on Pub/Sub, with a temporary subscription or with `subscription`.

    The temporary one is deleted at the end. On an existing one only test events are acknowledged;
    other messages are nacked at the end. `endpoint` is the host of Pub/Sub; empty: the global one.
    """

    def __init__(
        self, topic: str, project: str, subscription: str = "", endpoint: str = ""
    ) -> None:
        self._topic = topic
        self._is_temporary = not subscription
        temporary = f"projects/{project}/subscriptions/videovector-bridge-test-{token_hex(6)}"
        self._subscription = subscription or temporary
        self._retry = Retry()
        self._since = datetime.now(UTC) - _MAX_CLOCK_SKEW
        self._to_nack: list[str] = []
        transport = open_transport(SubscriberGrpcTransport, "PUBSUB_EMULATOR_HOST", endpoint)
        self._client = SubscriberClient(transport=transport)

    def __enter__(self) -> Self:
        if self._is_temporary:
            self._call(
                "create_subscription",
                {
                    "name": self._subscription,
                    "topic": self._topic,
                    "ack_deadline_seconds": 60,
                    "message_retention_duration": _RETAINED,
                    "expiration_policy": {"ttl": _EXPIRES},
                    "filter": f'attributes."ce-type" = "{_TYPE}"',
                },
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        subscription = {"subscription": self._subscription}
        # A failure here loses nothing: the subscription expires, messages are redelivered.
        with suppress(BackendError):
            if self._is_temporary:
                self._call("delete_subscription", subscription)
            elif self._to_nack:
                nack = {"ack_ids": self._to_nack, "ack_deadline_seconds": 0}
                self._call("modify_ack_deadline", subscription | nack)
        transport: Any = self._client.transport
        transport.close()

    def poll(self, seconds: float) -> Sequence[Mapping[str, str]]:
        """Return the attributes of new test events; wait for the first at most `seconds`."""
        subscription = {"subscription": self._subscription}
        try:
            response = self._call("pull", subscription | {"max_messages": 100}, seconds)
        except BackendError as error:
            if isinstance(error.__cause__, google_errors.DeadlineExceeded):
                return []
            raise
        ack_ids, events = [], []
        for received in response.received_messages:
            attributes = dict(received.message.attributes)
            if attributes.get("ce-type") == _TYPE:
                ack_ids.append(received.ack_id)
                if received.message.publish_time >= self._since:
                    events.append(attributes)
            else:  # the emulator ignores filters
                self._to_nack.append(received.ack_id)
        if ack_ids:
            self._call("acknowledge", subscription | {"ack_ids": ack_ids})
        return events

    def _call(self, method: str, request: Mapping[str, Any], seconds: float = _SECONDS) -> Any:
        send = getattr(self._client, method)
        return self._retry.call(
            f"{method.replace('_', ' ').capitalize()} at Pub/Sub ({self._subscription})",
            lambda left: send(request=request, timeout=left, retry=None),
            seconds,
            self._explain,
        )

    def _explain(self, error: Exception) -> str | None:
        if isinstance(error, google_errors.NotFound):
            return f"There is no topic {self._topic}, or no subscription {self._subscription}."
        if isinstance(error, google_errors.PermissionDenied):
            return (
                "Grant yourself roles/pubsub.editor, or pass --subscription with a subscription of "
                f"the topic that you may read. ({error.message})"
            )
        return None
