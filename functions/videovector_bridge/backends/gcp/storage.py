"""Objects in Cloud Storage, put once."""

from contextlib import suppress

from google.api_core import exceptions as google_errors

from videovector_bridge.backends.gcp.objects import explain, open_client, read_object
from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.errors import BackendError

_SCHEME = "gs://"


class StorageBlobs:
    """The `Blobs` port on one bucket; URIs are `gs://bucket/name`."""

    def __init__(self, project: str, bucket: str, retry: Retry) -> None:
        self._bucket = bucket
        self._retry = retry
        self._client = PerProcess(lambda: open_client(project))

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

        self._retry.call(f"Storing {uri}", attempt, timeout, explain)
        return uri

    def get(self, uri: str, *, timeout: float) -> bytes:
        """Read the object at a `gs://` URI.

        Raises `BackendError` after `timeout` seconds, or at once if there is no such object.
        """
        bucket, _, name = uri.removeprefix(_SCHEME).partition("/")
        if not (uri.startswith(_SCHEME) and bucket and name):
            raise BackendError(f"{uri!r} is not the URI of an object in Cloud Storage.")
        blob = self._client.get().bucket(bucket).blob(name)
        return read_object(blob, uri, self._retry, timeout)
