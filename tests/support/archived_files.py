"""Avro files as Pub/Sub writes them to Cloud Storage with `write_metadata`.

Schema: https://cloud.google.com/pubsub/docs/cloudstorage. The ordering key is among the attributes.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import fastavro

from videovector_bridge.backends.gcp.objects import BucketReader, StoredObject
from videovector_bridge.backends.ports import Message
from videovector_bridge.backends.reading_ports import PublishedMessage

SCHEMA: dict[str, Any] = {
    "type": "record",
    "namespace": "com.google.pubsub",
    "name": "PubsubMessageWithMetadata",
    "fields": [
        {"name": "subscription_name", "type": "string"},
        {"name": "message_id", "type": "string"},
        {"name": "publish_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "attributes", "type": {"type": "map", "values": "string"}},
        {"name": "data", "type": "bytes"},
    ],
}
SUBSCRIPTION = "projects/p/subscriptions/events-to-archive"


def copied_attributes(message: Message) -> dict[str, str]:
    """Return the attributes of a copy: those of the message, and its ordering key."""
    key = {"ordering_key": message.ordering_key} if message.ordering_key else {}
    return {**message.attributes, **key}


def write_file(messages: Iterable[PublishedMessage], schema: dict[str, Any] | None = None) -> bytes:
    """Return the content of a file with these messages."""
    records = [
        {
            "subscription_name": SUBSCRIPTION,
            "message_id": each.message_id,
            "publish_time": each.published_at,
            "attributes": copied_attributes(each.message),
            "data": each.message.data,
        }
        for each in messages
    ]
    file = io.BytesIO()
    fastavro.writer(file, schema or SCHEMA, records, sync_interval=200)
    return file.getvalue()


class FilesInMemory(BucketReader):
    """A bucket of files without I/O; each was created at the time of its last message."""

    def __init__(self, files: Sequence[Sequence[PublishedMessage]]) -> None:
        super().__init__("p", "archive")
        self._files: dict[str, tuple[datetime, bytes]] = {}
        for number, messages in enumerate(files):
            created_at = max((each.published_at for each in messages), default=datetime.now(UTC))
            name = f"events/{number}.avro"
            self._files[name] = (created_at + timedelta(seconds=1), write_file(messages))

    def list(self, prefix: str, keep: Callable[[StoredObject], bool]) -> list[StoredObject]:
        """Return the files that `keep` accepts."""
        stored = [
            StoredObject(name, created_at, len(content), 1)
            for name, (created_at, content) in self._files.items()
            if name.startswith(prefix)
        ]
        return [each for each in stored if keep(each)]

    def open(self, stored: StoredObject) -> io.RawIOBase:
        """Return the content of a file."""
        return io.BytesIO(self._files[stored.name][1])  # type: ignore[return-value]
