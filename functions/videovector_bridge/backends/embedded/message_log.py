"""Read the messages of embedded topics, for the local stack and tests."""

import json
from dataclasses import dataclass
from pathlib import Path

from videovector_bridge.backends.embedded.topics import open_messages, topic_id
from videovector_bridge.backends.ports import Message


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A published message. Ids increase in the order of publishing, over all topics.

    `published_at` is Unix time in seconds.
    """

    id: int
    message: Message
    published_at: float


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
        return [
            StoredMessage(id_, Message(data, json.loads(attributes), ordering_key), published_at)
            for id_, data, attributes, ordering_key, published_at in rows
        ]

    def topics(self, *, timeout: float = 10.0) -> list[str]:
        """Return the short ids of all topics, sorted."""
        with self._messages.transaction("Listing topics", timeout, write=False) as database:
            rows = database.execute("SELECT DISTINCT topic FROM messages ORDER BY topic").fetchall()
        return [name for (name,) in rows]
