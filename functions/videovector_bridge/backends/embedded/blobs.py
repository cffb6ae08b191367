"""Blobs as files, stored at once or in parts."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from videovector_bridge.backends.names import safe_name
from videovector_bridge.backends.ports import Timeout, seconds_left
from videovector_bridge.errors import BackendError, OutOfTimeError

_MAX_FILE_NAME_BYTES = 255


class FileBlobs:
    """The `Blobs` port on a folder; URIs are `file://` and inside it. Content types are lost."""

    def __init__(self, folder: Path) -> None:
        self._folder = (folder / "blobs").resolve()

    def put(self, name: str, data: bytes, content_type: str, *, timeout: Timeout) -> str:  # noqa: ARG002
        """Store `data` under `name` unless the file exists; return its URI.

        The file appears complete or not at all. Raises `BackendError` for errors of the disk.
        """
        path = self._folder / safe_name(name, _MAX_FILE_NAME_BYTES)
        _check_time(timeout, path)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # No safe name starts with `%t`, so no blob conflicts with a temporary file.
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix="%temporary-") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                with suppress(FileExistsError):  # an existing file is unchanged
                    os.link(file.name, path)
        except OSError as error:
            raise BackendError(f"Storing {path} failed: {error}") from error
        return path.as_uri()

    def open(self, name: str, content_type: str) -> "FileWriter":  # noqa: ARG002
        """Return a writer for a new file in parts; the file appears when it is complete."""
        return FileWriter(self._folder / safe_name(name, _MAX_FILE_NAME_BYTES))

    def get(self, uri: str, *, timeout: Timeout) -> bytes:
        """Return the content at a URI from `put` or a writer.

        Raises `BackendError` for any other URI, and if the file does not exist.
        """
        parts = urlsplit(uri)
        path = Path(unquote(parts.path))
        if parts.scheme != "file" or parts.netloc or path.parent != self._folder:
            raise BackendError(f"{uri!r} is not the URI of a blob in {self._folder}.")
        _check_time(timeout, path)
        try:
            return path.read_bytes()
        except OSError as error:
            raise BackendError(f"Reading {path} failed: {error}") from error


class FileWriter:
    """The `BlobWriter` port on a file, which is temporary until it is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def write(self, part: bytes, *, timeout: Timeout) -> None:
        """Write a part. Raises `BackendError` for errors of the disk."""
        _check_time(timeout, self._path)
        try:
            self._open().write(part)
        except OSError as error:
            raise BackendError(f"Storing {self._path} failed: {error}") from error

    def finish(self, *, timeout: Timeout) -> str:
        """Name the file and return its URI. Raises `BackendError` as `write` does."""
        _check_time(timeout, self._path)
        try:
            with self._open() as file:
                file.flush()
                os.fsync(file.fileno())
                os.link(file.name, self._path)
        except OSError as error:
            raise BackendError(f"Storing {self._path} failed: {error}") from error
        return self._path.as_uri()

    def _open(self) -> IO[bytes]:
        if self._file is None:
            folder = self._path.parent
            folder.mkdir(parents=True, exist_ok=True)
            # It is deleted when it is closed or garbage-collected.
            self._file = tempfile.NamedTemporaryFile(dir=folder, prefix="%temporary-")  # noqa: SIM115
        return self._file


def _check_time(timeout: Timeout, path: Path) -> None:
    """Raise `OutOfTimeError` if no time is left. A running disk operation is not interrupted."""
    if seconds_left(timeout) <= 0:
        raise OutOfTimeError(f"There was no time left for {path}.")
