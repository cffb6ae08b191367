"""Files as rows, with compare-and-set by generation."""

import hashlib
from pathlib import Path
from urllib.parse import quote

from videovector_bridge.backends.embedded.database import Database
from videovector_bridge.backends.names import check_file_name
from videovector_bridge.backends.ports import StoredFile, Timeout
from videovector_bridge.errors import BackendError, ConflictError

# AUTOINCREMENT never repeats a number: each write has its own generation, over all names.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
  generation INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  md5 TEXT NOT NULL,
  data BLOB NOT NULL
);
"""
_FIND = "SELECT generation, content_type, size, md5 FROM files WHERE name = ?"
_READ = "SELECT data FROM files WHERE name = ?"
_STORE = "INSERT OR REPLACE INTO files (name, content_type, size, md5, data) VALUES (?, ?, ?, ?, ?)"


class SqliteFiles:
    """The `Files` port on `files.sqlite3`.

    A file is a row, so its URI is only a name: `embedded:///previews/NAME`, with NAME
    percent-encoded except for slashes.
    """

    def __init__(self, folder: Path) -> None:
        self._files = Database(folder / "files.sqlite3", _SCHEMA)

    def find(self, name: str, *, timeout: Timeout) -> StoredFile | None:
        """Return the file `name` without its content; None if it does not exist.

        Raises `BackendError` if the database cannot be read within `timeout` seconds.
        """
        uri = _uri(name)
        with self._files.transaction(f"Finding {uri}", timeout, write=False) as connection:
            row = connection.execute(_FIND, (name,)).fetchone()
        return StoredFile(uri, *row) if row else None

    def write(
        self,
        name: str,
        data: bytes,
        content_type: str,
        *,
        replaces: StoredFile | None,
        timeout: Timeout,
    ) -> StoredFile:
        """Write `data` in place of `replaces` (None: the file must not exist yet).

        Raises `ConflictError` if another generation is stored; `BackendError` if the database
        cannot be written within `timeout` seconds.
        """
        uri = _uri(name)
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        expected = replaces.generation if replaces else 0
        with self._files.transaction(f"Writing {uri}", timeout, write=True) as connection:
            stored = connection.execute(_FIND, (name,)).fetchone()
            if (stored[0] if stored else 0) != expected:
                raise ConflictError(f"{uri} was written by another process first")
            row = (name, content_type, len(data), md5, data)
            generation = connection.execute(_STORE, row).lastrowid
        assert generation is not None  # it was an INSERT
        return StoredFile(uri, generation, content_type, len(data), md5)

    def read(self, name: str, *, timeout: Timeout) -> bytes:
        """Return the content of the file `name`.

        Raises `BackendError` if it does not exist or cannot be read within `timeout` seconds.
        """
        uri = _uri(name)
        with self._files.transaction(f"Reading {uri}", timeout, write=False) as connection:
            row = connection.execute(_READ, (name,)).fetchone()
        if row is None:
            raise BackendError(f"Reading {uri} failed: it does not exist.")
        data: bytes = row[0]
        return data


def _uri(name: str) -> str:
    check_file_name(name)
    return f"embedded:///previews/{quote(name)}"
