"""What blobs and files in Cloud Storage share: the client, reading, and the meaning of errors."""

import os
from typing import Any

from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from google.cloud.storage import Client
from google.cloud.storage.exceptions import DataCorruption

from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.ports import Timeout
from videovector_bridge.errors import BackendError

# Otherwise each client asks, in a thread of its own, for the bucket's metadata, to name the bucket
# in traces. Nobody collects them, and roles/storage.objectUser does not allow the question.
_NO_BUCKET_METADATA = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"


def open_client(project: str) -> Any:
    """Return the library's client. Raises `BackendError` where there are no credentials."""
    os.environ.setdefault(_NO_BUCKET_METADATA, "true")
    # The library reads STORAGE_EMULATOR_HOST by itself, and then goes without credentials.
    try:
        return Client(project=project)
    except auth_errors.GoogleAuthError as error:
        raise BackendError(f"There are no Google Cloud credentials here. ({error})") from error


def read_object(blob: Any, uri: str, retry: Retry, timeout: Timeout) -> bytes:
    """Return the content of the library's `blob`, whole: it is checked against its checksum.

    Raises `BackendError` after `timeout` seconds, or at once if there is no such object.
    """

    def attempt(seconds: float) -> bytes:
        try:
            # The time is that of each wait: to connect, and for the answer.
            content: bytes = blob.download_as_bytes(timeout=seconds / 2, retry=None)
        except DataCorruption as error:
            raise ConnectionError(f"what arrived is damaged: {error}") from error
        return content

    return retry.call(f"Reading {uri}", attempt, timeout, explain)


def explain(error: Exception) -> str | None:
    """Return a sentence for the operator, where an error has one."""
    if isinstance(error, google_errors.NotFound):
        return f"There is no such bucket or object. ({error.message})"
    if isinstance(error, google_errors.Forbidden):
        return (
            "This service account may not do that: grant it roles/storage.objectUser on the "
            f"bucket. ({error.message})"
        )
    return None
