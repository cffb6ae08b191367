"""SQLite connections for several threads and processes."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from videovector_bridge.backends.ports import Timeout, seconds_left
from videovector_bridge.errors import BackendError, OutOfTimeError

# Closing a connection from before a fork could disturb the parent's, so these stay open.
_inherited: list[sqlite3.Connection] = []


class Database:
    """One SQLite file, with a connection per thread and process, opened at first use."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._local = threading.local()

    @contextmanager
    def transaction(
        self, operation: str, timeout: Timeout, *, write: bool
    ) -> Iterator[sqlite3.Connection]:
        """Run the block in one transaction: commit at its end, roll back on an exception.

        Waits up to `timeout` seconds for other writers. A `write` transaction locks the database
        from its start. Raises `BackendError` for an error of SQLite, with `operation` in its text;
        `OutOfTimeError` if no time is left at the start, or while others write.
        """
        seconds = seconds_left(timeout)
        if seconds <= 0:
            raise OutOfTimeError(f"{operation} was not tried: no time was left.")
        deadline = time.monotonic() + seconds
        try:
            connection = self._connection(deadline)
            milliseconds = max(0, int((deadline - time.monotonic()) * 1000))
            connection.execute(f"PRAGMA busy_timeout = {milliseconds}")
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            kind = OutOfTimeError if busy else BackendError
            raise kind(f"{operation} failed within {seconds:.3g} s: {error}") from error

    def _connection(self, deadline: float) -> sqlite3.Connection:
        opened = getattr(self._local, "opened", None)
        if opened is not None:
            pid, connection = opened
            if pid == os.getpid():
                assert isinstance(connection, sqlite3.Connection)
                return connection
            _inherited.append(connection)
        connection = self._open(deadline)
        self._local.opened = (os.getpid(), connection)
        return connection

    def _open(self, deadline: float) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            remaining = max(0.0, deadline - time.monotonic())
            connection = sqlite3.connect(self._path, timeout=remaining, isolation_level=None)
            try:
                # Large pages suit batches of messages. This must precede the switch to WAL.
                connection.execute("PRAGMA page_size = 16384")
                # NORMAL with WAL: a commit survives the process, not a power cut.
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(self._schema)
            except sqlite3.OperationalError:
                # Two processes switch a new file to WAL at once: SQLite does not wait for that.
                connection.close()
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.01)
            else:
                return connection
