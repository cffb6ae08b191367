"""The Cloud Storage client of blobs and files: opening it, reading, and advice on errors.

Every function has a bucket, but few use it at once: the first use loads Google's library.
"""

import os
from typing import Any

from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors

from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.ports import Timeout
from videovector_bridge.errors import BackendError

# Otherwise each client requests the bucket's metadata in its own thread, to name the bucket in
# traces. The bridge has no traces, and roles/storage.objectUser does not allow the request.
_NO_BUCKET_METADATA = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"


def open_client(project: str) -> Any:
    """Return the library's client. Raises `BackendError` where there are no credentials."""
    from google.cloud.storage import Client  # noqa: PLC0415 - few need it at their start

    os.environ.setdefault(_NO_BUCKET_METADATA, "true")
    # The library reads STORAGE_EMULATOR_HOST itself, and then needs no credentials.
    try:
        return Client(project=project)
    except auth_errors.GoogleAuthError as error:
        raise BackendError(f"There are no Google Cloud credentials here. ({error})") from error


def read_object(blob: Any, uri: str, retry: Retry, timeout: Timeout) -> bytes:
    """Return the content of the library's `blob`, verified by its checksum.

    Raises `BackendError` after `timeout` seconds, or at once if there is no such object.
    """
    from google.cloud.storage.exceptions import DataCorruption  # noqa: PLC0415 - as above

    def attempt(seconds: float) -> bytes:
        try:
            # The timeout applies to each wait: to connect, and for the response.
            content: bytes = blob.download_as_bytes(timeout=seconds / 2, retry=None)
        except DataCorruption as error:
            raise ConnectionError(f"the content is corrupt: {error}") from error
        return content

    return retry.call(f"Reading {uri}", attempt, timeout, explain)


def explain(error: Exception) -> str | None:
    """Return advice for the operator on an error, or None."""
    if isinstance(error, google_errors.NotFound):
        return f"There is no such bucket or object. ({error.message})"
    if isinstance(error, google_errors.Forbidden):
        return (
            "This service account lacks a permission: grant it roles/storage.objectUser on the "
            f"bucket. ({error.message})"
        )
    return None
