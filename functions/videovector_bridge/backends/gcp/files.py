"""Files in Cloud Storage, with compare-and-set by generation."""

import base64
import hashlib
from typing import Any

from google.api_core import exceptions as google_errors

from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.gcp.storage_client import explain, open_client, read_object
from videovector_bridge.backends.names import check_file_name
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.ports import StoredFile, Timeout
from videovector_bridge.errors import ConflictError

# The library uploads more in two requests; each waits to connect and for its response.
_ONE_REQUEST_BYTES = 8 * 1_024 * 1_024


class StorageFiles:
    """The `Files` port on one bucket; URIs are `gs://bucket/name`."""

    def __init__(self, project: str, bucket: str, retry: Retry) -> None:
        self._bucket = bucket
        self._retry = retry
        self._client = PerProcess(lambda: open_client(project))

    def find(self, name: str, *, timeout: Timeout) -> StoredFile | None:
        """Return the file `name` without its content; None if it does not exist.

        Raises `BackendError` after `timeout` seconds, or at once where a retry cannot help.
        """
        uri, blob = self._object(name)

        def attempt(seconds: float) -> StoredFile | None:
            try:
                blob.reload(timeout=seconds / 2, retry=None)
            except google_errors.NotFound as error:
                if _is_missing_bucket(error):
                    raise
                return None
            return _stored(uri, blob)

        return self._retry.call(f"Finding {uri}", attempt, timeout, explain)

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

        Raises `ConflictError` if another generation is stored, perhaps by an attempt of this call
        whose response was lost; `BackendError` after `timeout` seconds, or at once where a retry
        cannot help.
        """
        uri, blob = self._object(name)
        # Google verifies this checksum before it replaces the object. For a large upload the
        # library would verify it afterwards, and on a mismatch delete the stored object.
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        blob.md5_hash = base64.b64encode(digest).decode()
        waits = 2 if len(data) <= _ONE_REQUEST_BYTES else 4

        def attempt(seconds: float) -> StoredFile:
            try:
                blob.upload_from_string(
                    data,
                    content_type=content_type,
                    if_generation_match=replaces.generation if replaces else 0,
                    checksum=None,
                    timeout=seconds / waits,
                    retry=None,
                )
            except google_errors.PreconditionFailed as error:
                raise ConflictError(f"{uri} was written by another process first") from error
            return _stored(uri, blob)

        return self._retry.call(f"Writing {uri}", attempt, timeout, explain)

    def read(self, name: str, *, timeout: Timeout) -> bytes:
        """Return the content of the file `name`.

        Raises `BackendError` after `timeout` seconds, or at once if it does not exist.
        """
        uri, blob = self._object(name)
        return read_object(blob, uri, self._retry, timeout)

    def _object(self, name: str) -> tuple[str, Any]:
        check_file_name(name)
        return f"gs://{self._bucket}/{name}", self._client.get().bucket(self._bucket).blob(name)


def _stored(uri: str, blob: Any) -> StoredFile:
    # Composed objects have no MD5.
    md5 = base64.b64decode(blob.md5_hash or "").hex()
    return StoredFile(uri, int(blob.generation), blob.content_type or "", int(blob.size), md5)


def _is_missing_bucket(error: google_errors.NotFound) -> bool:
    # A missing object has the same status but is not an error.
    return str(error.message).endswith("The specified bucket does not exist.")
