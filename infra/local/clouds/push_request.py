"""The requests of a push subscription, in the form in which Pub/Sub sends them."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx

from infra.local.topology import Subscription
from videovector_bridge.backends.ports import Message
from videovector_bridge.backends.pubsub_filter import parse_filter

# Below the two seconds after which gunicorn closes a connection that is not used.
_KEEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Push:
    """One attempt to deliver a message."""

    message: Message
    message_id: str
    published_at: datetime
    attempt: int


class Pushes:
    """Sends the messages of a subscription to a function, unwrapped, up to `at_once` at a time.

    Attributes become headers, beside Pub/Sub's own:
    https://cloud.google.com/pubsub/docs/payload-unwrapping
    """

    def __init__(self, subscription: Subscription, url: str, at_once: int) -> None:
        self.name = subscription.name
        self._url = url
        self._passes = parse_filter(subscription.filter)
        # An empty TLS context: loading certificates is slow, and this is plain HTTP.
        self._http = httpx.Client(
            trust_env=False,
            timeout=subscription.ack_deadline_seconds,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            limits=httpx.Limits(max_connections=at_once, keepalive_expiry=_KEEP_SECONDS),
        )

    def passes(self, attributes: Mapping[str, str]) -> bool:
        """Whether a message passes the filter of the subscription."""
        return self._passes(attributes)

    def send(self, push: Push) -> bool:
        """Send a message. Returns whether the function acknowledged it, with a status 2xx."""
        published = push.published_at.isoformat(timespec="milliseconds")
        headers = {
            **push.message.attributes,
            "x-goog-pubsub-message-id": push.message_id,
            "x-goog-pubsub-publish-time": published.replace("+00:00", "Z"),
            "x-goog-pubsub-subscription-name": self.name,
            "x-goog-pubsub-delivery-attempt": str(push.attempt),
        }
        try:
            return self._http.post(self._url, content=push.message.data, headers=headers).is_success
        except (httpx.HTTPError, UnicodeEncodeError):
            return False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
