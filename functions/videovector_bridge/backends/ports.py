"""The ports to a cloud: topics, documents and files with compare-and-set, and blobs.

Two backends implement these ports, `gcp` and `embedded`; one contract test suite (tests/contract)
runs over both. Every method blocks, is thread-safe, and ends within `timeout` seconds (plus
scheduling) or raises `BackendError`. A method without time left before a request raises
`OutOfTimeError` and does not send the request. Data beyond the documented limits of Google's
service raises `UnstorableError` before anything is sent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from videovector_bridge.errors import BackendError
from videovector_bridge.events import Message

__all__ = [
    "MAX_ATTRIBUTES",
    "MAX_ATTRIBUTE_BYTES",
    "MAX_ATTRIBUTE_KEY_BYTES",
    "MAX_DOCUMENT_BYTES",
    "MAX_DOCUMENT_DEPTH",
    "MAX_FIELD_PATH_BYTES",
    "MAX_FIELD_TEXT_BYTES",
    "MAX_ORDERING_KEY_BYTES",
    "MAX_REQUEST_BYTES",
    "MAX_REQUEST_MESSAGES",
    "Backend",
    "BlobWriter",
    "Blobs",
    "Document",
    "Documents",
    "Files",
    "Message",
    "NoSigner",
    "SignedObject",
    "Signer",
    "StoredFile",
    "Timeout",
    "Topics",
    "seconds_left",
]

Timeout = float | Callable[[], float]
"""The seconds for a call, or a function of the seconds left, called before each request."""

# Limits of Pub/Sub, in both backends: https://cloud.google.com/pubsub/quotas#resource_limits
MAX_REQUEST_MESSAGES = 1_000
MAX_REQUEST_BYTES = 10_000_000
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_KEY_BYTES = 256
MAX_ATTRIBUTE_BYTES = 1_024
MAX_ORDERING_KEY_BYTES = 1_024
# Limits of Firestore, in both backends:
# https://cloud.google.com/firestore/quotas#collections_documents_and_fields
MAX_DOCUMENT_BYTES = 1_048_576
MAX_DOCUMENT_DEPTH = 20
MAX_FIELD_TEXT_BYTES = 1_048_487
# A key and its parent keys, joined by dots. A create allows 1,500, an update 1,499.
MAX_FIELD_PATH_BYTES = 1_499


def seconds_left(timeout: Timeout) -> float:
    """Return the seconds left for a call; 0 or less after its deadline."""
    return timeout() if callable(timeout) else timeout


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was read or written.

    `revision` is opaque: `write` needs it to replace exactly this version. `age_seconds` is the
    time since the last write, with both ends by the clock of the *store*, so that leases do not
    depend on the clocks of their owners.
    """

    fields: Mapping[str, Any]
    revision: object
    age_seconds: float


class Topics(Protocol):
    """Publishing."""

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish one request; return when every message of it is acknowledged.

        All messages have the same ordering key (Pub/Sub's rule); at most 1,000 messages and 10 MB
        together. Retries transient errors until `timeout`; a retry may duplicate messages.
        """
        ...


class Documents(Protocol):
    """Small JSON documents at `collection/id`, with compare-and-set."""

    def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
        """Return a document, or None if it does not exist. Any `document_id` is allowed."""
        ...

    def write(
        self,
        collection: str,
        document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,
        keep_seconds: float | None = None,
    ) -> Document:
        """Write `fields` in place of `replaces` (None: the document must not exist yet).

        Each field in `fields` is replaced whole; other fields are unchanged. After `keep_seconds`
        the document may be removed.
        Raises `ConflictError` if another version is stored. After a lost response the write may
        have happened: the retry then raises `ConflictError`, and the caller reads the document to
        find out.
        """
        ...


class Blobs(Protocol):
    """Objects too large for a message."""

    def put(self, name: str, data: bytes, content_type: str, *, timeout: Timeout) -> str:
        """Store `data` under `name` and return its URI. An existing object is unchanged."""
        ...

    def open(self, name: str, content_type: str) -> "BlobWriter":
        """Return a writer for a new object in parts. No other object may have this name."""
        ...

    def get(self, uri: str, *, timeout: Timeout) -> bytes:
        """Return the data at a URI that `put` or a writer returned."""
        ...


class BlobWriter(Protocol):
    """Writes one object in parts, in order. The object exists after `finish` has returned.

    Buffers about one part. After an error the writer cannot be used.
    """

    def write(self, part: bytes, *, timeout: Timeout) -> None:
        """Write a part. All parts but the last have 1 MiB or a multiple of it."""
        ...

    def finish(self, *, timeout: Timeout) -> str:
        """Complete the object and return its URI."""
        ...


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A stored file.

    `generation` changes with each write of the name; `md5` is of the content, in hex, and empty if
    the store does not know it.
    """

    uri: str
    generation: int
    content_type: str
    size: int
    md5: str


class Files(Protocol):
    """Files under fixed names, each replaced with compare-and-set."""

    def find(self, name: str, *, timeout: Timeout) -> StoredFile | None:
        """Return the file `name` without its content; None if it does not exist."""
        ...

    def write(
        self,
        name: str,
        data: bytes,
        content_type: str,
        *,
        replaces: StoredFile | None,
        timeout: Timeout,
    ) -> StoredFile:
        """Write `data` in place of `replaces` (None: the file must not exist yet).

        Raises `ConflictError` if another generation is stored. After a lost response the write may
        have happened: the retry then raises `ConflictError`, and the caller calls `find` to find
        out.
        """
        ...

    def read(self, name: str, *, timeout: Timeout) -> bytes:
        """Return the content of the file `name`."""
        ...


@dataclass(frozen=True, slots=True)
class SignedObject:
    """An object and the URL that reads it (GET) until `expires_at`, ISO 8601 in UTC."""

    uri: str
    url: str = field(repr=False)
    expires_at: str


class Signer(Protocol):
    """Signs URLs that read an object without credentials."""

    def sign(self, bucket: str, name: str, *, seconds: int) -> SignedObject:
        """Return a URL that reads the object for `seconds`, 1 to a week. It need not exist.

        Raises `PermanentError` for a name that cannot be signed, `BackendError` if signing fails.
        """
        ...


class NoSigner:
    """The `Signer` of a backend without one: it always fails."""

    def sign(self, bucket: str, name: str, *, seconds: int) -> SignedObject:  # noqa: ARG002
        """Raise `BackendError`."""
        raise BackendError("This backend signs no URLs.")


@dataclass(frozen=True, slots=True)
class Backend:
    """The ports together.

    `blobs` is None without a bucket for claim checks, `files` without one for previews.
    """

    topics: Topics
    documents: Documents
    blobs: Blobs | None = None
    files: Files | None = None
    signer: Signer = field(default_factory=NoSigner)
