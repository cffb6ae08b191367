"""Reading one object of any bucket, for the command line."""

from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.gcp.storage_client import open_client, read_object
from videovector_bridge.backends.ports import Timeout


def read_bucket_object(
    project: str, bucket: str, name: str, *, timeout: Timeout, retry: Retry | None = None
) -> bytes:
    """Return the content of `gs://bucket/name`.

    Needs storage.objects.get on the bucket. Raises `BackendError` after `timeout` seconds, or at
    once if there is no such object.
    """
    blob = open_client(project).bucket(bucket).blob(name)
    return read_object(blob, f"gs://{bucket}/{name}", retry or Retry(), timeout)
