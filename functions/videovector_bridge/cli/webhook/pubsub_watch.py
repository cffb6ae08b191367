"""Seeing what is published on a topic of Pub/Sub."""

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
from videovector_bridge.events import TYPE_PREFIX
from videovector_bridge.ingest.delivery import TEST

_TYPE = TYPE_PREFIX + TEST
_SECONDS = 20.0
# For a subscription that we cannot delete ourselves; the least that Pub/Sub allows.
_EXPIRES = timedelta(days=1)
_RETAINED = timedelta(minutes=10)
# Clocks differ, but a test event of long ago in a backlog must not count as this one.
_OLD = timedelta(seconds=60)


class PubSubWatch:
    """The `Watch` port on Pub/Sub: by a subscription of its own, or by one that is named.

    Its own is deleted at the end. Of one that is named only test events are acknowledged; all
    else goes back at the end.
    """

    def __init__(self, topic: str, project: str, subscription: str = "") -> None:
        self._topic = topic
        self._own = not subscription
        own = f"projects/{project}/subscriptions/videovector-bridge-test-{token_hex(6)}"
        self._subscription = subscription or own
        self._retry = Retry()
        self._since = datetime.now(UTC) - _OLD
        self._returned: list[str] = []
        transport = open_transport(SubscriberGrpcTransport, "PUBSUB_EMULATOR_HOST")
        self._client = SubscriberClient(transport=transport)

    def __enter__(self) -> Self:
        if self._own:
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
        # Whatever became of it: what we leave behind expires, or is delivered again.
        with suppress(BackendError):
            if self._own:
                self._call("delete_subscription", subscription)
            elif self._returned:
                back = {"ack_ids": self._returned, "ack_deadline_seconds": 0}
                self._call("modify_ack_deadline", subscription | back)
        transport: Any = self._client.transport
        transport.close()

    def poll(self, seconds: float) -> Sequence[Mapping[str, str]]:
        """The attributes of new test events, waiting at most so long for the first."""
        subscription = {"subscription": self._subscription}
        try:
            answer = self._call("pull", subscription | {"max_messages": 100}, seconds)
        except BackendError as error:
            if isinstance(error.__cause__, google_errors.DeadlineExceeded):
                return []
            raise
        taken, found = [], []
        for received in answer.received_messages:
            attributes = dict(received.message.attributes)
            if attributes.get("ce-type") == _TYPE:
                taken.append(received.ack_id)
                if received.message.publish_time >= self._since:
                    found.append(attributes)
            else:  # the emulator heeds no filter
                self._returned.append(received.ack_id)
        if taken:
            self._call("acknowledge", subscription | {"ack_ids": taken})
        return found

    def _call(self, method: str, request: Mapping[str, Any], seconds: float = _SECONDS) -> Any:
        called = getattr(self._client, method)
        return self._retry.call(
            f"{method.replace('_', ' ').capitalize()} at Pub/Sub ({self._subscription})",
            lambda left: called(request=request, timeout=left, retry=None),
            seconds,
            self._explain,
        )

    def _explain(self, error: Exception) -> str | None:
        if isinstance(error, google_errors.NotFound):
            return f"There is no topic {self._topic}, or no subscription {self._subscription}."
        if isinstance(error, google_errors.PermissionDenied):
            return (
                "Grant yourself roles/pubsub.editor, or name a subscription of the topic that you "
                f"may read by --subscription. ({error.message})"
            )
        return None
