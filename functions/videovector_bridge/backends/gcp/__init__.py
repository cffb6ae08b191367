"""The gcp backend: Pub/Sub, Firestore and Cloud Storage, or their emulators (`*_EMULATOR_HOST`).

`open_backend` imports it; the command line and the local stack import `channels` and `retry`.
"""

from videovector_bridge.backends.gcp.blobs import StorageBlobs
from videovector_bridge.backends.gcp.documents import FirestoreDocuments
from videovector_bridge.backends.gcp.files import StorageFiles
from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.gcp.topics import PubSubTopics
from videovector_bridge.backends.lazy_signer import LazySigner
from videovector_bridge.backends.ports import Backend, Blobs, Files
from videovector_bridge.settings import BackendSettings


def open_gcp(settings: BackendSettings, retry: Retry | None = None) -> Backend:
    """Return Google's services as a backend. `retry` is the backoff (tests shorten it).

    It connects to nothing yet. The first use of a bucket loads the Cloud Storage library.
    """
    retry = retry or Retry()
    blobs: Blobs | None = None
    if settings.claim_bucket:
        blobs = StorageBlobs(settings.project, settings.claim_bucket, retry)
    files: Files | None = None
    if settings.preview_bucket:
        files = StorageFiles(settings.project, settings.preview_bucket, retry)
    return Backend(
        topics=PubSubTopics(settings.project, retry, settings.pubsub_endpoint),
        documents=FirestoreDocuments(settings.project, retry, settings.firestore_database),
        blobs=blobs,
        files=files,
        signer=LazySigner(settings.signing_account),
    )
