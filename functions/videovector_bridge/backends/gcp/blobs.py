"""Objects in Cloud Storage, stored at once or in parts."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from google.api_core import exceptions as google_errors

from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.gcp.storage_client import explain, open_client, read_object
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.ports import Timeout, seconds_left
from videovector_bridge.errors import BackendError, OutOfTimeError

_SCHEME = "gs://"
_PART_BYTES: Final = 1_048_576  # a multiple of 256 KiB, as resumable uploads require
# A part that may have been stored must not be sent twice: the first failure is final.
_ONCE: Final = Retry(attempts=1)


class StorageBlobs:
    """The `Blobs` port on one bucket; URIs are `gs://bucket/name`."""

    def __init__(self, project: str, bucket: str, retry: Retry) -> None:
        self._bucket = bucket
        self._retry = retry
        self._client = PerProcess(lambda: open_client(project))

    def put(self, name: str, data: bytes, content_type: str, *, timeout: Timeout) -> str:
        """Store `data` under `name` unless the object exists; return its URI.

        Raises `BackendError` after `timeout` seconds, or at once where a retry cannot help.
        """
        uri = f"{_SCHEME}{self._bucket}/{name}"
        bucket = self._client.get().bucket(self._bucket)

        def attempt(seconds: float) -> None:
            # The object exists, perhaps from an earlier attempt of this call.
            with suppress(google_errors.PreconditionFailed):
                bucket.blob(name).upload_from_string(
                    data,
                    content_type=content_type,
                    if_generation_match=0,
                    timeout=seconds / 2,  # of each wait: to connect, and for the response
                    retry=None,
                )

        self._retry.call(f"Storing {uri}", attempt, timeout, explain)
        return uri

    def open(self, name: str, content_type: str) -> "StorageWriter":
        """Return a writer for a new object in parts, by a resumable upload."""
        bucket = self._client.get().bucket(self._bucket)
        return StorageWriter(bucket, name, content_type, self._retry.attempt_seconds)

    def get(self, uri: str, *, timeout: Timeout) -> bytes:
        """Return the content at a `gs://` URI.

        Raises `BackendError` after `timeout` seconds, or at once if there is no such object.
        """
        bucket, _, name = uri.removeprefix(_SCHEME).partition("/")
        if not (uri.startswith(_SCHEME) and bucket and name):
            raise BackendError(f"{uri!r} is not the URI of an object in Cloud Storage.")
        blob = self._client.get().bucket(bucket).blob(name)
        return read_object(blob, uri, self._retry, timeout)


class StorageWriter:
    """The `BlobWriter` port on a resumable upload, which is not retried when a part fails.

    https://cloud.google.com/storage/docs/resumable-uploads
    """

    def __init__(self, bucket: Any, name: str, content_type: str, longest_wait: float) -> None:
        self._bucket = bucket
        self._name = name
        self._content_type = content_type
        self._longest_wait = longest_wait
        self._uri = f"{_SCHEME}{bucket.name}/{name}"
        self._file: Any = None

    def write(self, part: bytes, *, timeout: Timeout) -> None:
        """Write a part. Raises `BackendError` if it is not stored."""
        self._send(lambda file: file.write(part), timeout)

    def finish(self, *, timeout: Timeout) -> str:
        """Send the rest, which completes the object, and return its URI.

        Raises `BackendError` if the object is not complete.
        """
        self._send(lambda file: file.close(), timeout)
        return self._uri

    def _send(self, send: Callable[[Any], object], timeout: Timeout) -> None:
        seconds = min(self._longest_wait, seconds_left(timeout))
        if seconds <= 0:
            raise OutOfTimeError(f"Storing {self._uri} was not continued: no time was left.")

        def attempt(_seconds: float) -> None:
            if self._file is None:
                self._file = self._bucket.blob(self._name).open(
                    "wb",
                    chunk_size=_PART_BYTES,
                    content_type=self._content_type,
                    if_generation_match=0,
                    timeout=seconds,  # of each request of the upload
                    retry=None,
                )
            send(self._file)

        _ONCE.call(f"Storing {self._uri}", attempt, seconds, explain)
