"""Read messages from the archive: Avro files that Pub/Sub writes to Cloud Storage.

Form of the files: https://cloud.google.com/pubsub/docs/cloudstorage, with `write_metadata`.
Not seen on real Google Cloud: files of the tests are written by the tests, from that page.
"""

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from videovector_bridge.backends.gcp.objects import BucketReader, StoredObject
from videovector_bridge.backends.reading_ports import Pages, PublishedMessage, restore_copy
from videovector_bridge.errors import BackendError

PREFIX: Final = "events/"  # infra/modules/bridge/copies.tf
WRITTEN_WITHIN: Final = timedelta(minutes=6)
"""When the copy of a message is in the archive, as long as nothing fails: 300 s, and some."""

# The subscription retries for a week, and its file is written some minutes later.
_LATEST: Final = timedelta(days=7, hours=1)
_CLOCK_SKEW: Final = timedelta(minutes=1)
_BUFFER_BYTES: Final = 1 << 20
_PAGE_MESSAGES: Final = 500
_PAGE_BYTES: Final = 10_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ArchivedMessages:
    """The `PublishedMessages` port on the archive. One part of a file is in memory at a time."""

    def __init__(self, bucket: BucketReader) -> None:
        self._bucket = bucket

    def read(self, since: datetime, until: datetime) -> Pages:
        """Yield the messages of every file that may have some of the interval, the oldest first.

        Raises `BackendError`, which names a file that is not readable.
        """

        def may_have(stored: StoredObject) -> bool:
            return since - _CLOCK_SKEW <= stored.created_at <= until + _LATEST

        for stored in self._bucket.list(PREFIX, may_have):
            yield from self._read_file(stored)

    def _read_file(self, stored: StoredObject) -> Iterator[Sequence[PublishedMessage]]:
        stream = io.BufferedReader(self._bucket.open(stored), _BUFFER_BYTES)
        page: list[PublishedMessage] = []
        size = 0
        for record in self._records(stored, stream):
            page.append(record)
            size += len(record.message.data)
            if len(page) == _PAGE_MESSAGES or size >= _PAGE_BYTES:
                yield page
                page, size = [], 0
        if page:
            yield page

    def _records(self, stored: StoredObject, stream: Any) -> Iterator[PublishedMessage]:
        import fastavro  # noqa: PLC0415 - only this command needs it

        try:
            for record in fastavro.reader(stream):
                yield _parse_record(record)
        except BackendError:
            raise
        except KeyError as error:
            raise BackendError(
                f"{self._bucket.uri(stored.name)} has no field {error}: it was written without "
                "the messages' metadata, so it cannot be replayed."
            ) from None
        # The library raises many types for a damaged file, IndexError and zlib's among them.
        except Exception as error:
            raise BackendError(
                f"{self._bucket.uri(stored.name)} is no readable Avro file "
                f"({type(error).__name__}: {error}). Nothing after it was read: check it, or use "
                "another --source."
            ) from error


def _parse_record(record: Any) -> PublishedMessage:
    published_at = record["publish_time"]
    if not isinstance(published_at, datetime):  # without the logical type: microseconds
        published_at = _EPOCH + timedelta(microseconds=published_at)
    return restore_copy(
        record["message_id"], published_at.astimezone(UTC), record["data"], record["attributes"]
    )
