"""Objects in Cloud Storage, put once."""

from contextlib import suppress
from typing import Any

from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from google.cloud.storage import Client

from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.errors import BackendError

_SCHEME = "gs://"


class StorageBlobs:
    """The `Blobs` port on one bucket; URIs are `gs://bucket/name`."""

    def __init__(self, project: str, bucket: str, retry: Retry) -> None:
        self._bucket = bucket
        self._retry = retry
        self._client = PerProcess(lambda: _open_client(project))

    def put(self, name: str, data: bytes, content_type: str, *, timeout: float) -> str:
        """Store `data` under `name` unless the name is taken; return the URI either way.

        Raises `BackendError` after `timeout` seconds, or at once for what a retry cannot mend.
        """
        uri = f"{_SCHEME}{self._bucket}/{name}"
        bucket = self._client.get().bucket(self._bucket)

        def attempt(seconds: float) -> None:
            # The name exists, perhaps by an earlier attempt of ours: that is as promised.
            with suppress(google_errors.PreconditionFailed):
                bucket.blob(name).upload_from_string(
                    data,
                    content_type=content_type,
                    if_generation_match=0,
                    timeout=seconds / 2,  # of each wait: to connect, and for the answer
                    retry=None,
                )

        self._retry.call(f"Storing {uri}", attempt, timeout, _explain)
        return uri

    def get(self, uri: str, *, timeout: float) -> bytes:
        """Read the object at a `gs://` URI.

        Raises `BackendError` after `timeout` seconds, or at once if there is no such object.
        """
        bucket, _, name = uri.removeprefix(_SCHEME).partition("/")
        if not (uri.startswith(_SCHEME) and bucket and name):
            raise BackendError(f"{uri!r} is not the URI of an object in Cloud Storage.")
        blob = self._client.get().bucket(bucket).blob(name)

        def attempt(seconds: float) -> bytes:
            content: bytes = blob.download_as_bytes(timeout=seconds / 2, retry=None)
            return content

        return self._retry.call(f"Reading {uri}", attempt, timeout, _explain)


def _open_client(project: str) -> Any:
    # The library reads STORAGE_EMULATOR_HOST by itself, and then goes without credentials.
    try:
        return Client(project=project)
    except auth_errors.GoogleAuthError as error:
        raise BackendError(f"There are no Google Cloud credentials here. ({error})") from error


def _explain(error: Exception) -> str | None:
    if isinstance(error, google_errors.NotFound):
        return f"There is no such bucket or object. ({error.message})"
    if isinstance(error, google_errors.Forbidden):
        return (
            "This service account may not do that: grant it roles/storage.objectUser on the "
            f"bucket. ({error.message})"
        )
    return None
