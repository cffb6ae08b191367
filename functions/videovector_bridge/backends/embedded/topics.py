"""Topics as one table of messages, whose ids are in the order of publishing.

Functions publish with `SqliteTopics`; the local stack and the command line read with `MessageLog`.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from videovector_bridge.backends.embedded.database import Database
from videovector_bridge.backends.ports import Message, Timeout
from videovector_bridge.backends.publish_limits import check_request

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  ordering_key TEXT NOT NULL,
  attributes TEXT NOT NULL,
  data BLOB NOT NULL,
  published_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS by_topic ON messages (topic, id);
"""
_INSERT = (
    "INSERT INTO messages (topic, ordering_key, attributes, data, published_at)"
    " VALUES (?, ?, ?, ?, ?)"
)


def open_messages(folder: Path, schema: str = "") -> Database:
    """Return the database of messages under the embedded folder, with the tables of `schema`."""
    return Database(folder / "messages.sqlite3", _SCHEMA + schema)


def topic_id(topic: str) -> str:
    """Return the short id of a topic from itself or from `projects/{project}/topics/{id}`."""
    return topic.rpartition("/")[2]


class SqliteTopics:
    """The `Topics` port on `messages.sqlite3`. The first publish creates a topic."""

    def __init__(self, folder: Path) -> None:
        self._messages = open_messages(folder)

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish one request: stored as a whole, or not at all if this raises.

        Raises `UnstorableError` for a request that Pub/Sub would refuse, and `BackendError` if the
        file cannot be written within `timeout` seconds.
        """
        check_request(topic, messages)
        name = topic_id(topic)
        encode = json.JSONEncoder(check_circular=False).encode
        now = time.time()
        rows = [
            (name, message.ordering_key, encode(dict(message.attributes)), message.data, now)
            for message in messages
        ]
        operation = f"Publishing {len(rows)} messages to {name}"
        with self._messages.transaction(operation, timeout, write=True) as connection:
            connection.executemany(_INSERT, rows)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A published message. Ids increase in the order of publishing, over all topics.

    `published_at` is Unix time in seconds.
    """

    id: int
    message: Message
    published_at: float


def decode_row(row: tuple[int, bytes, str, str, float]) -> StoredMessage:
    """Decode a row of `id, data, attributes, ordering_key, published_at`."""
    id_, data, attributes, ordering_key, published_at = row
    return StoredMessage(id_, Message(data, json.loads(attributes), ordering_key), published_at)


class MessageLog:
    """The messages of an embedded folder. It keeps its connections open: reuse it."""

    def __init__(self, folder: Path) -> None:
        self._messages = open_messages(folder)

    def read(
        self, topic: str, after_id: int = 0, limit: int = 1_000, *, timeout: float = 10.0
    ) -> list[StoredMessage]:
        """Return at most `limit` messages of `topic` with an id above `after_id`, oldest first.

        Only one process publishes at a time, so a later message never has a smaller id.
        Raises `BackendError` if the file cannot be read within `timeout` seconds.
        """
        with self._messages.transaction(f"Reading topic {topic}", timeout, write=False) as database:
            rows = database.execute(
                "SELECT id, data, attributes, ordering_key, published_at FROM messages"
                " WHERE topic = ? AND id > ? ORDER BY id LIMIT ?",
                (topic_id(topic), after_id, limit),
            ).fetchall()
        return [decode_row(row) for row in rows]

    def topics(self, *, timeout: float = 10.0) -> list[str]:
        """Return the short ids of all topics, sorted."""
        with self._messages.transaction("Listing topics", timeout, write=False) as database:
            rows = database.execute("SELECT DISTINCT topic FROM messages ORDER BY topic").fetchall()
        return [name for (name,) in rows]
