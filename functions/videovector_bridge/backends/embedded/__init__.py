"""The embedded backend: SQLite and files in one folder. Only `open_backend` imports it."""

from pathlib import Path

from videovector_bridge.backends.embedded.blobs import FileBlobs
from videovector_bridge.backends.embedded.documents import SqliteDocuments
from videovector_bridge.backends.embedded.files import SqliteFiles
from videovector_bridge.backends.embedded.topics import SqliteTopics
from videovector_bridge.backends.lazy_signer import LazySigner
from videovector_bridge.backends.ports import Backend
from videovector_bridge.settings import BackendSettings


def open_embedded(settings: BackendSettings) -> Backend:
    """Return the folder `settings.embedded_dir` as a backend; the first write creates it.

    Several processes on one machine may share the folder. Blobs and files are always available.
    URLs are signed for Google's buckets, as in the gcp backend.
    """
    folder = Path(settings.embedded_dir)
    return Backend(
        topics=SqliteTopics(folder),
        documents=SqliteDocuments(folder),
        blobs=FileBlobs(folder),
        files=SqliteFiles(folder),
        signer=LazySigner(settings.signing_account),
    )
