"""What the bridge needs of a cloud: topics, documents and files with compare-and-set, and blobs.

Two backends implement these ports, `gcp` and `embedded`; one contract test suite holds both to
the wording here. Every method blocks, is safe to call from several threads, and either ends
within `timeout` seconds (plus scheduling) or raises `BackendError`. A method that has no time left
before a request raises `OutOfTimeError` and does not send that request. What Google's service can
never take raises `UnstorableError`, by its documented limits before anything is sent.
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
"""Seconds that a call may take; or a function of the seconds left, asked before each request."""

# Limits of Pub/Sub, kept by both backends: https://cloud.google.com/pubsub/quotas#resource_limits
MAX_REQUEST_MESSAGES = 1_000
MAX_REQUEST_BYTES = 10_000_000
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_KEY_BYTES = 256
MAX_ATTRIBUTE_BYTES = 1_024
MAX_ORDERING_KEY_BYTES = 1_024
# Limits of Firestore, kept by both backends:
# https://cloud.google.com/firestore/quotas#collections_documents_and_fields
MAX_DOCUMENT_BYTES = 1_048_576
MAX_DOCUMENT_DEPTH = 20
MAX_FIELD_TEXT_BYTES = 1_048_487
# A key with those of the maps around it, joined by dots. A create may have 1,500, a change 1,499.
MAX_FIELD_PATH_BYTES = 1_499


def seconds_left(timeout: Timeout) -> float:
    """The seconds left for a call, now; 0 or less after its deadline."""
    return timeout() if callable(timeout) else timeout


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

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish one request; return when every message of it is acknowledged.

        All messages carry the same ordering key (Pub/Sub's rule), at most 1,000 messages and
        10 MB together. Retries what may be retried until `timeout`; a retry may duplicate.
        """
        ...


class Documents(Protocol):
    """Small JSON documents at `collection/id`, with compare-and-set."""

    def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
        """Read a document; None when there is none. Any `document_id` is allowed."""
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

        Every field named in `fields` is replaced whole; fields not named stay as they are. After
        `keep_seconds` nobody needs the document any more, and it may be removed.
        Raises `ConflictError` when the stored version is another one. After a lost answer the
        write may have happened: the retry then raises `ConflictError`, and the caller reads
        again to learn which.
        """
        ...


class Blobs(Protocol):
    """Objects too large for a message."""

    def put(self, name: str, data: bytes, content_type: str, *, timeout: Timeout) -> str:
        """Store `data` under `name` once, return its URI. A name that exists is left as it is."""
        ...

    def open(self, name: str, content_type: str) -> "BlobWriter":
        """Begin a new object that arrives in parts. No other object may have this name."""
        ...

    def get(self, uri: str, *, timeout: Timeout) -> bytes:
        """Read back what `put` or a writer stored under the URI that it returned."""
        ...


class BlobWriter(Protocol):
    """One object that is written in parts, in order. It exists once `finish` has returned.

    Buffers about one part. After an error the writer cannot be used.
    """

    def write(self, part: bytes, *, timeout: Timeout) -> None:
        """Add a part. All parts but the last have 1 MiB, or a multiple of it."""
        ...

    def finish(self, *, timeout: Timeout) -> str:
        """Complete the object and return its URI."""
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

    def find(self, name: str, *, timeout: Timeout) -> StoredFile | None:
        """Describe what is stored under `name`; None if nothing is."""
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
        """Write `data` in place of `replaces` (None: nothing may be stored under `name` yet).

        Raises `ConflictError` when another generation is stored. After a lost answer the write
        may have happened: the retry then raises `ConflictError`, and the caller finds again to
        learn which.
        """
        ...

    def read(self, name: str, *, timeout: Timeout) -> bytes:
        """Read the content that is stored under `name`."""
        ...


@dataclass(frozen=True, slots=True)
class SignedObject:
    """An object and the URL that fetches it (GET) until `expires_at`, ISO 8601 in UTC."""

    uri: str
    url: str = field(repr=False)
    expires_at: str


class Signer(Protocol):
    """URLs that fetch an object of a bucket and need no credentials."""

    def sign(self, bucket: str, name: str, *, seconds: int) -> SignedObject:
        """Return a URL that fetches the object for `seconds`, 1 to a week's. It need not exist.

        Raises `PermanentError` for what cannot be signed, `BackendError` where nothing can be.
        """
        ...


class NoSigner:
    """The `Signer` of a backend that was made without one."""

    def sign(self, bucket: str, name: str, *, seconds: int) -> SignedObject:  # noqa: ARG002
        """Raise `BackendError`."""
        raise BackendError("This backend signs no URLs.")


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
    signer: Signer = field(default_factory=NoSigner)
