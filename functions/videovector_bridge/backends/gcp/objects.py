"""Reading objects of any bucket, whole or in parts, for the command line."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from google.api_core import exceptions as google_errors

from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.gcp.storage_client import open_client, read_object
from videovector_bridge.backends.ports import Timeout

_SECONDS: Final = 60.0
_FIELDS: Final = "items(name,timeCreated,size,generation),nextPageToken"


def read_bucket_object(
    project: str, bucket: str, name: str, *, timeout: Timeout, retry: Retry | None = None
) -> bytes:
    """Return the content of `gs://bucket/name`.

    Needs storage.objects.get on the bucket. Raises `BackendError` after `timeout` seconds, or at
    once if there is no such object.
    """
    blob = open_client(project).bucket(bucket).blob(name)
    return read_object(blob, f"gs://{bucket}/{name}", retry or Retry(), timeout)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a bucket; `size` in bytes."""

    name: str
    created_at: datetime
    size: int
    generation: int


class BucketReader:
    """Lists and reads the objects of a bucket.

    Needs roles/storage.objectViewer on it. Every method raises `BackendError`.
    """

    def __init__(self, project: str, bucket: str, retry: Retry | None = None) -> None:
        self._project = project
        self._bucket = bucket
        self._retry = retry or Retry()
        self._client: Any = None

    def uri(self, name: str) -> str:
        """Return `gs://bucket/name`."""
        return f"gs://{self._bucket}/{name}"

    def list(self, prefix: str, keep: Callable[[StoredObject], bool]) -> list[StoredObject]:
        """Return the objects under a prefix that `keep` accepts, the oldest first."""

        def attempt(seconds: float) -> list[StoredObject]:
            blobs = self._open().list_blobs(
                self._bucket, prefix=prefix, fields=_FIELDS, timeout=seconds, retry=None
            )
            objects = (
                StoredObject(blob.name, blob.time_created, blob.size, blob.generation)
                for blob in blobs
            )
            return [each for each in objects if keep(each)]

        listed = self._call(f"Listing {self.uri(prefix)}", attempt)
        return sorted(listed, key=lambda each: (each.created_at, each.name))

    def open(self, stored: StoredObject) -> io.RawIOBase:
        """Return a stream of the object, which requests each part when it is read."""
        return _ObjectStream(stored.size, lambda start, end: self._read(stored, start, end))

    def _read(self, stored: StoredObject, start: int, end: int) -> bytes:
        blob = self._open().bucket(self._bucket).blob(stored.name, generation=stored.generation)

        def attempt(seconds: float) -> bytes:
            part: bytes = blob.download_as_bytes(
                start=start, end=end - 1, timeout=seconds, retry=None, raw_download=True
            )
            if len(part) != end - start:
                raise ConnectionError(f"{len(part)} of {end - start} bytes arrived")
            return part

        read: bytes = self._call(f"Reading {self.uri(stored.name)}", attempt)
        return read

    def _open(self) -> Any:
        if self._client is None:
            self._client = open_client(self._project)
        return self._client

    def _call(self, operation: str, attempt: Callable[[float], Any]) -> Any:
        return self._retry.call(operation, attempt, _SECONDS, self._explain)

    def _explain(self, error: Exception) -> str | None:
        if not isinstance(error, google_errors.Forbidden | google_errors.NotFound):
            return None
        return (
            f"There is no bucket {self._bucket} or no such object in it, or you lack "
            f"roles/storage.objectViewer on the bucket. ({error})"
        )


class _ObjectStream(io.RawIOBase):
    """A readable stream over a function that returns the bytes from `start` to before `end`."""

    def __init__(self, size: int, read_part: Callable[[int, int], bytes]) -> None:
        self._size = size
        self._read_part = read_part
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as many bytes as fit, fewer at the end; return how many."""
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        part = self._read_part(self._at, end)
        buffer[: len(part)] = part
        self._at = end
        return len(part)
