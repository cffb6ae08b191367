"""Blobs as files, put once."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from videovector_bridge.backends.naming import safe_name
from videovector_bridge.errors import BackendError

_MAX_FILE_NAME_BYTES = 255


class FileBlobs:
    """The `Blobs` port on a folder; URIs are `file://` ones inside it.

    A file has no place for its content type: what needs it, keeps it beside the URI.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = (folder / "blobs").resolve()

    def put(self, name: str, data: bytes, content_type: str, *, timeout: float) -> str:  # noqa: ARG002
        """Store `data` under `name` unless the name is taken; return the URI either way.

        A file appears whole or not at all. Raises `BackendError` where the disk refuses it.
        """
        path = self._folder / safe_name(name, _MAX_FILE_NAME_BYTES)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # `%t` begins no safe name, so that no blob is ever in the way of a file being written.
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix="%temporary-") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                with suppress(FileExistsError):  # put once: what is there stays
                    os.link(file.name, path)
        except OSError as error:
            raise BackendError(f"Storing {path} failed: {error}") from error
        return path.as_uri()

    def get(self, uri: str, *, timeout: float) -> bytes:  # noqa: ARG002 - a disk answers
        """Read the file of a URI from `put`.

        Raises `BackendError` for any other URI, and if the file is gone.
        """
        parts = urlsplit(uri)
        path = Path(unquote(parts.path))
        if parts.scheme != "file" or parts.netloc or path.parent != self._folder:
            raise BackendError(f"{uri!r} is not the URI of a blob in {self._folder}.")
        try:
            return path.read_bytes()
        except OSError as error:
            raise BackendError(f"Reading {path} failed: {error}") from error
