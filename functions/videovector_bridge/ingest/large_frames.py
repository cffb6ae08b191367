"""Publish the parts of a frame that is too large for memory, as they arrive.

With a bucket the parts become one object, and the event is published as a claim check. Without a
bucket each part is a message on topic `rejected`.
"""

import uuid
from typing import Final

from videovector_bridge.backends.ports import Backend, BlobWriter, Message
from videovector_bridge.events import Event, Rejection, lane, lane_key
from videovector_bridge.ingest.batcher import LargePart
from videovector_bridge.ingest.deadline import Deadline
from videovector_bridge.messages import claim_message, rejection_attributes
from videovector_bridge.settings import TopicNames
from videovector_bridge.trace import Trace

_LARGE: Final = Rejection(
    "too_large",
    "The frame is larger than MAX_FRAME_BYTES. Its parts are the messages with the same `frame`; "
    "the last one has the number of parts and the SHA-256 of the whole. Set CLAIM_BUCKET to have "
    "such events published with their data in Cloud Storage",
    owner="user",
)


class LargeFramePublisher:
    """Publishes the parts of large frames, one after another. Blocks.

    `context` is added to the attributes of rejected messages. Each message continues `trace`.
    """

    def __init__(
        self,
        backend: Backend,
        topics: TopicNames,
        *,
        source: str,
        channel: str,
        lanes: int,
        deadline: Deadline,
        context: dict[str, str],
        trace: Trace,
    ) -> None:
        self._backend = backend
        self._topics = topics
        self._source = source
        self._channel = channel
        self._lanes = lanes
        self._deadline = deadline
        self._context = context
        self._trace = trace
        self._upload: BlobWriter | None = None

    def publishes_event(self, large: LargePart) -> bool:
        """Whether the frame of this last part is published as an event, not rejected."""
        return self._backend.blobs is not None and isinstance(large.event, Event)

    def publish(self, large: LargePart) -> None:
        """Store or publish a part. Raises `BackendError` if that is not acknowledged."""
        if self._backend.blobs is None:
            self._reject_part(large)
        else:
            self._store_part(large)

    def _reject_part(self, large: LargePart) -> None:
        part = large.part
        attributes = self._attributes(large, _LARGE) | {"part": str(part.number)}
        if part.last:
            attributes["parts"] = str(part.number)
        self._publish(self._topics.rejected, Message(part.data, attributes))

    def _store_part(self, large: LargePart) -> None:
        """Append a part to the object; after the last part, publish a reference to the object."""
        assert self._backend.blobs is not None
        part, seconds_left = large.part, self._deadline.seconds_left
        if part.number == 1:
            # A new name: the parts that an earlier attempt stored do not belong to this object.
            name = f"frames/{uuid.uuid4().hex}.json"
            self._upload = self._backend.blobs.open(name, "application/json")
        assert self._upload is not None
        self._upload.write(part.data, timeout=seconds_left)
        if not part.last:
            return
        uri = self._upload.finish(timeout=seconds_left)
        if isinstance(large.event, Event):
            message = claim_message(
                large.event,
                uri,
                large.size,
                source=self._source,
                channel=self._channel,
                ordering_key=lane_key(lane(large.event, self._lanes)),
                trace=self._trace.new_span(),
            )
            self._publish(self._topics.events, message)
        else:
            attributes = self._attributes(large, large.event or _LARGE)
            attributes |= {"dataref": uri, "datasize": str(large.size)}
            self._publish(self._topics.rejected, Message(b"", attributes))

    def _attributes(self, large: LargePart, reason: Rejection) -> dict[str, str]:
        return rejection_attributes(
            owner=reason.owner,
            code=reason.code,
            detail=reason.detail,
            context={
                **self._context,
                "last-event-id": large.part.last_event_id,
                "event-id": large.event.id if isinstance(large.event, Event) else "",
                "frame": large.frame,
                "sha256": large.sha256,
                **self._trace.new_span(),
            },
        )

    def _publish(self, topic: str, message: Message) -> None:
        self._backend.topics.publish(topic, [message], timeout=self._deadline.seconds_left)
