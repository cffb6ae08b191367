"""Backlogs of the subscriptions that are read by pull; those of pushes are in memory only."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from videovector_bridge.backends.embedded.subscriptions import SCHEMA
from videovector_bridge.backends.embedded.topics import open_messages, topic_id
from videovector_bridge.backends.ports import Timeout
from videovector_bridge.backends.reading_ports import Backlog

_COUNT: Final = (
    "SELECT count(*), min(published_at) FROM messages"
    " LEFT JOIN leases ON subscription = ? AND message_id = id"
    " WHERE topic = ? AND id > ? AND (ack_id IS NULL OR leased_until IS NOT NULL)"
)


class SqliteBacklogs:
    """The `Backlogs` port on `messages.sqlite3`."""

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.time) -> None:
        self._messages = open_messages(folder, SCHEMA)
        self._now = now

    def read(self, subscriptions: Sequence[str], *, timeout: Timeout) -> Mapping[str, Backlog]:
        """Return the backlogs by short id. Raises `BackendError`."""
        names = {topic_id(name) for name in subscriptions}
        backlogs = {}
        with self._messages.transaction("Counting messages", timeout, write=False) as database:
            rows = database.execute("SELECT name, topic, after_id FROM subscriptions").fetchall()
            for name, topic, after_id in rows:
                if name in names:
                    query = database.execute(_COUNT, (name, topic, after_id))
                    count, oldest = query.fetchone()
                    age = None if oldest is None else max(0.0, self._now() - oldest)
                    backlogs[name] = Backlog(count, age)
        return backlogs
