"""What the bridge needs of a cloud: topics, documents and files with compare-and-set, and blobs.

Two backends implement these ports, `gcp` and `embedded`; one contract test suite holds both to
the wording here. Every method blocks, is safe to call from several threads, and either ends
within `timeout` seconds (plus scheduling) or raises `BackendError`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

# Limits of Pub/Sub, kept by both backends: https://cloud.google.com/pubsub/quotas#resource_limits
MAX_REQUEST_MESSAGES = 1_000
MAX_REQUEST_BYTES = 10_000_000
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_KEY_BYTES = 256
MAX_ATTRIBUTE_BYTES = 1_024
MAX_ORDERING_KEY_BYTES = 1_024


class Message(NamedTuple):
    """One message for a topic: data byte for byte, and attributes (ASCII, <= 1,024 bytes each)."""

    data: bytes
    attributes: Mapping[str, str] = MappingProxyType({})
    ordering_key: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read or written.

    `revision` is opaque: pass it to `write` to say which version is being replaced.
    `age_seconds` is the time since the last write, by the clock of the *store* (both ends of the
    difference), so that leases do not depend on the clocks of the machines that hold them.
    """

    fields: Mapping[str, Any]
    revision: object
    age_seconds: float


class Topics(Protocol):
    """Publishing."""

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: float) -> None:
        """Publish one request; return when every message of it is acknowledged.

        All messages carry the same ordering key (Pub/Sub's rule), at most 1,000 messages and
        10 MB together. Retries what may be retried until `timeout`; a retry may duplicate.
        """
        ...


class Documents(Protocol):
    """Small JSON documents at `collection/id`, with compare-and-set."""

    def read(self, collection: str, document_id: str, *, timeout: float) -> Document | None:
        """Read a document; None when there is none. Any `document_id` is allowed."""
        ...

    def write(
        self,
        collection: str,
        document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: float,
        keep_seconds: float | None = None,
    ) -> Document:
        """Write `fields` in place of `replaces` (None: the document must not exist yet).

        Every field named in `fields` is replaced whole; fields not named stay as they are. After
        `keep_seconds` nobody needs the document any more, and it may be removed.
        Raises `ConflictError` when the stored version is another one. After a lost answer the
        write may have happened: the retry then raises `ConflictError`, and the caller reads
        again to learn which.
        """
        ...


class Blobs(Protocol):
    """Objects too large for a message."""

    def put(self, name: str, data: bytes, content_type: str, *, timeout: float) -> str:
        """Store `data` under `name` once, return its URI. A name that exists is left as it is."""
        ...

    def get(self, uri: str, *, timeout: float) -> bytes:
        """Read back what `put` stored under the URI that it returned."""
        ...


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it is stored.

    `generation` is another number after each write of that name; `md5` is of the content, in hex,
    and empty where the store does not know it.
    """

    uri: str
    generation: int
    content_type: str
    size: int
    md5: str


class Files(Protocol):
    """Files under names that stay, each replaced with compare-and-set."""

    def find(self, name: str, *, timeout: float) -> StoredFile | None:
        """Tell what is stored under `name`; None when nothing is."""
        ...

    def write(
        self,
        name: str,
        data: bytes,
        content_type: str,
        *,
        replaces: StoredFile | None,
        timeout: float,
    ) -> StoredFile:
        """Write `data` in place of `replaces` (None: nothing may be stored under `name` yet).

        Raises `ConflictError` when another generation is stored. After a lost answer the write
        may have happened: the retry then raises `ConflictError`, and the caller finds again to
        learn which.
        """
        ...

    def read(self, name: str, *, timeout: float) -> bytes:
        """Read the content that is stored under `name`."""
        ...


@dataclass(frozen=True, slots=True)
class Backend:
    """The ports together.

    `blobs` is None where no bucket is configured for claim checks, `files` where none is for
    previews.
    """

    topics: Topics
    documents: Documents
    blobs: Blobs | None = None
    files: Files | None = None
