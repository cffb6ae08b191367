"""Documents as rows of JSON, with compare-and-set by a revision number."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from videovector_bridge.backends.document_limits import check_document
from videovector_bridge.backends.embedded.database import Database
from videovector_bridge.backends.names import safe_name
from videovector_bridge.backends.ports import Document, Timeout
from videovector_bridge.errors import ConflictError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  collection TEXT NOT NULL,
  id TEXT NOT NULL,
  fields TEXT NOT NULL,
  revision INTEGER NOT NULL,
  written_at REAL NOT NULL,
  PRIMARY KEY (collection, id)
) WITHOUT ROWID;
"""
_SELECT = "SELECT fields, revision, written_at FROM documents WHERE collection = ? AND id = ?"
_LIST = (
    "SELECT id, fields, revision, written_at FROM documents WHERE collection = ? AND id > ?"
    " ORDER BY id LIMIT ?"
)
_STORE = (
    "INSERT OR REPLACE INTO documents (collection, id, fields, revision, written_at)"
    " VALUES (?, ?, ?, ?, ?)"
)


class SqliteDocuments:
    """The ports `Documents` and `Collections` on `documents.sqlite3`.

    A write keeps fields that it does not name.
    """

    def __init__(self, folder: Path) -> None:
        self._documents = Database(folder / "documents.sqlite3", _SCHEMA)

    def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
        """Return a document, or None if it does not exist.

        `age_seconds` is by the clock of this machine, on which all users run. Raises
        `BackendError` if the file cannot be read within `timeout` seconds.
        """
        key = (safe_name(collection), safe_name(document_id))
        operation = f"Reading {'/'.join(key)}"
        with self._documents.transaction(operation, timeout, write=False) as connection:
            row = connection.execute(_SELECT, key).fetchone()
        if row is None:
            return None
        fields, revision, written_at = row
        return Document(json.loads(fields), revision, max(0.0, time.time() - written_at))

    def write(
        self,
        collection: str,
        document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,
        keep_seconds: float | None = None,  # noqa: ARG002 - a folder is deleted as a whole
    ) -> Document:
        """Write `fields` in place of `replaces` (None: the document must not exist yet).

        Raises `ConflictError` if another version is stored; `BackendError` if the file cannot be
        written within `timeout` seconds; `UnstorableError` for a document that Firestore would
        refuse; `TypeError` for values outside JSON.
        """
        check_document(collection, document_id, {**(replaces.fields if replaces else {}), **fields})
        key = (safe_name(collection), safe_name(document_id))
        name = "/".join(key)
        expected = replaces.revision if replaces else 0
        if not isinstance(expected, int):
            raise TypeError("`replaces` must be a document that this backend returned")
        with self._documents.transaction(f"Writing {name}", timeout, write=True) as connection:
            row = connection.execute(_SELECT, key).fetchone()
            stored, revision, _ = row or ("{}", 0, 0.0)
            if revision != expected:
                raise ConflictError(f"{name} was written by another process first")
            # A document that is deleted and created again must not repeat an old revision.
            revision = revision + 1 if row else secrets.randbits(62) + 1
            text = json.dumps({**json.loads(stored), **fields})
            connection.execute(_STORE, (*key, text, revision, time.time()))
        return Document(json.loads(text), revision, 0.0)

    def list(
        self, collection: str, *, limit: int, after: str = "", timeout: Timeout
    ) -> Sequence[tuple[str, Document]]:
        """Return at most `limit` documents with their stored names, after the name `after`."""
        name = safe_name(collection)
        with self._documents.transaction(f"Listing {name}", timeout, write=False) as connection:
            rows = connection.execute(_LIST, (name, after, limit)).fetchall()
        now = time.time()
        return [
            (id_, Document(json.loads(fields), revision, max(0.0, now - written_at)))
            for id_, fields, revision, written_at in rows
        ]

    def delete(
        self, collection: str, document_id: str, *, replaces: Document, timeout: Timeout
    ) -> None:
        """Delete exactly the version `replaces`. Raises `ConflictError` if another is stored."""
        key = (safe_name(collection), safe_name(document_id))
        name = "/".join(key)
        with self._documents.transaction(f"Deleting {name}", timeout, write=True) as connection:
            row = connection.execute(_SELECT, key).fetchone()
            if row is not None and row[1] != replaces.revision:
                raise ConflictError(f"{name} was written by another process first")
            connection.execute("DELETE FROM documents WHERE collection = ? AND id = ?", key)
