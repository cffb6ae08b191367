"""Push subscriptions over the Pub/Sub emulator, which pushes too slowly itself.

The emulator ignores filters, pushes at most two messages of a subscription at a time, opens a
connection for each, and looks for messages ten times a second. A function then receives every
event of a window, two by two. Pub/Sub itself has filters, and pushes many messages at once.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from google.api_core.exceptions import GoogleAPICallError
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.types import ReceivedMessage

from infra.local.clouds.push_request import Push, Pushes
from infra.local.topology import Subscription
from videovector_bridge.backends.ports import Message

_BATCH = 1_000
# Longer than the emulator waits for a message (90 s): the message of a response that nobody reads
# would wait for its acknowledgement deadline.
_PULL_SECONDS = 150.0
_ACK_SECONDS = 10.0
_PAUSE_SECONDS = 0.5
# ValueError: the channel is closed.
_FAILURES = (GoogleAPICallError, ValueError)


class EmulatedPusher(threading.Thread):
    """Pulls the messages of a subscription, and pushes them to a function, `at_once` at a time.

    The emulator keeps the messages until they are acknowledged, redelivers those that are not, and
    forwards them to the dead-letter topic. Messages that do not pass the filter are acknowledged.
    """

    def __init__(
        self,
        subscriber: SubscriberClient,
        path: str,
        subscription: Subscription,
        url: str,
        at_once: int,
    ) -> None:
        """`path` is the full name of the subscription in the emulator."""
        super().__init__(name=f"push-{subscription.name}", daemon=True)
        self._subscriber = subscriber
        self._path = path
        self._pushes = Pushes(subscription, url, at_once)
        self._at_once = at_once
        self._stopped = threading.Event()

    def run(self) -> None:
        """Deliver until stopped."""
        threads = ThreadPoolExecutor(self._at_once)
        while not self._stopped.is_set():
            filtered: list[str] = []
            for received in self._pull():
                if self._pushes.passes(received.message.attributes):
                    threads.submit(self._deliver, received)
                else:
                    filtered.append(received.ack_id)
            self._acknowledge(filtered)
        threads.shutdown(cancel_futures=True)
        self._pushes.close()

    def stop(self) -> None:
        """Stop delivering. The thread ends when the channel of the subscriber is closed too."""
        self._stopped.set()

    def _pull(self) -> Sequence[ReceivedMessage]:
        request = {"subscription": self._path, "max_messages": _BATCH}
        try:
            response = self._subscriber.pull(request=request, timeout=_PULL_SECONDS, retry=None)
        except _FAILURES:
            self._stopped.wait(_PAUSE_SECONDS)
            return ()
        return response.received_messages

    def _deliver(self, received: ReceivedMessage) -> None:
        if self._stopped.is_set():
            return
        message = received.message
        push = Push(
            Message(message.data, dict(message.attributes)),
            message.message_id,
            message.publish_time,
            max(1, received.delivery_attempt),  # 0 without a dead-letter topic
        )
        if self._pushes.send(push):
            self._acknowledge([received.ack_id])
            return
        with suppress(*_FAILURES):
            self._subscriber.modify_ack_deadline(
                subscription=self._path,
                ack_ids=[received.ack_id],
                ack_deadline_seconds=0,
                timeout=_ACK_SECONDS,
                retry=None,
            )

    def _acknowledge(self, ack_ids: list[str]) -> None:
        """Acknowledge messages. After a failure they are delivered again."""
        if not ack_ids:
            return
        with suppress(*_FAILURES):
            self._subscriber.acknowledge(
                subscription=self._path, ack_ids=ack_ids, timeout=_ACK_SECONDS, retry=None
            )
