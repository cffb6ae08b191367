"""Topics as one table of messages, whose ids are in the order of publishing."""

import json
import time
from collections.abc import Sequence
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


def open_messages(folder: Path) -> Database:
    """Return the database of messages under the embedded folder."""
    return Database(folder / "messages.sqlite3", _SCHEMA)


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
