"""SQLite and files in one folder: the bridge with nothing installed and no account."""

from pathlib import Path

from videovector_bridge.backends.embedded.blobs import FileBlobs
from videovector_bridge.backends.embedded.documents import SqliteDocuments
from videovector_bridge.backends.embedded.files import SqliteFiles
from videovector_bridge.backends.embedded.topics import SqliteTopics
from videovector_bridge.backends.lazy_signer import LazySigner
from videovector_bridge.backends.ports import Backend
from videovector_bridge.settings import BackendSettings


def open_embedded(settings: BackendSettings) -> Backend:
    """Return the folder `settings.embedded_dir` as a backend; it is made at the first write.

    Any number of processes of one machine may use the same folder at once. Blobs and
    files are always on. URLs are signed for buckets of Google's, as the gcp backend does.
    """
    folder = Path(settings.embedded_dir)
    return Backend(
        topics=SqliteTopics(folder),
        documents=SqliteDocuments(folder),
        blobs=FileBlobs(folder),
        files=SqliteFiles(folder),
        signer=LazySigner(settings.signing_account),
    )
