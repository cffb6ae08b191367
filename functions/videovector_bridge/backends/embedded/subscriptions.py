"""Subscriptions by pull over the table of messages, with leases and acknowledgements."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Final

from videovector_bridge.backends.embedded.topics import decode_row, open_messages, topic_id
from videovector_bridge.backends.ports import Timeout, seconds_left
from videovector_bridge.backends.reading_ports import MAX_PULLED, PulledMessage
from videovector_bridge.errors import BackendError

ACK_DEADLINE_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.1
# One row for each message with a lease, or acknowledged (`leased_until` is null).
SCHEMA = """
CREATE TABLE IF NOT EXISTS subscriptions (
  name TEXT PRIMARY KEY,
  topic TEXT NOT NULL,
  after_id INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (
  subscription TEXT NOT NULL,
  message_id INTEGER NOT NULL,
  ack_id TEXT NOT NULL,
  leased_until REAL,
  PRIMARY KEY (subscription, message_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_ack_id ON leases (ack_id);
"""
_SELECT = (
    "SELECT id, data, attributes, ordering_key, published_at FROM messages"
    " LEFT JOIN leases ON subscription = ? AND message_id = id"
    " WHERE topic = ? AND id > ? AND (ack_id IS NULL OR leased_until <= ?) ORDER BY id LIMIT ?"
)


class SqliteSubscriptions:
    """The `Subscriptions` port on `messages.sqlite3`. Filters are ignored."""

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._messages = open_messages(folder, SCHEMA)
        self._now = now
        self._sleep = sleep

    def create(
        self, name: str, topic: str, *, since: datetime | None = None, timeout: Timeout
    ) -> None:
        """Create a subscription that has the messages from now on, or `since`.

        An existing one is unchanged.
        """
        # A publish time that was rounded up to a microsecond must include its message.
        start = since.timestamp() - 1e-6 if since else None
        with self._messages.transaction(
            f"Creating subscription {name}", timeout, write=True
        ) as database:
            (after_id,) = database.execute(
                "SELECT coalesce(max(id), 0) FROM messages WHERE ? IS NULL OR published_at < ?",
                (start, start),
            ).fetchone()
            database.execute(
                "INSERT OR IGNORE INTO subscriptions VALUES (?, ?, ?)",
                (topic_id(name), topic_id(topic), after_id),
            )

    def create_temporary(
        self,
        topic: str,
        *,
        filter_text: str = "",  # noqa: ARG002 - ignored, as in Google's emulator
        since: datetime | None = None,
        timeout: Timeout,
    ) -> str:
        """Create a subscription of a random name, and return it. It does not expire."""
        name = f"temporary-{token_hex(6)}"
        self.create(name, topic, since=since, timeout=timeout)
        return name

    def delete(self, subscription: str, *, timeout: Timeout) -> None:
        """Delete a subscription with its leases. One that does not exist is a success."""
        name = topic_id(subscription)
        with self._messages.transaction(
            f"Deleting subscription {name}", timeout, write=True
        ) as database:
            database.execute("DELETE FROM subscriptions WHERE name = ?", (name,))
            database.execute("DELETE FROM leases WHERE subscription = ?", (name,))

    def pull(self, subscription: str, *, limit: int, timeout: Timeout) -> list[PulledMessage]:
        """Return 1 to `limit` messages, each with a lease of a minute; [] after `timeout`.

        Raises `BackendError` if there is no such subscription.
        """
        end = time.monotonic() + seconds_left(timeout)
        while not (pulled := self._lease(topic_id(subscription), limit, timeout)):
            if time.monotonic() + _POLL_SECONDS >= end:
                return []
            self._sleep(_POLL_SECONDS)
        return pulled

    def _lease(self, name: str, limit: int, timeout: Timeout) -> list[PulledMessage]:
        # Time to wait for other writers, also after the last poll.
        with self._messages.transaction(
            f"Pulling from {name}", max(1.0, seconds_left(timeout)), write=True
        ) as database:
            row = database.execute(
                "SELECT topic, after_id FROM subscriptions WHERE name = ?", (name,)
            ).fetchone()
            if row is None:
                raise BackendError(f"There is no subscription {name}.")
            now = self._now()
            rows = database.execute(_SELECT, (name, *row, now, min(limit, MAX_PULLED))).fetchall()
            messages = [decode_row(row) for row in rows]
            pulled = [
                PulledMessage(
                    token_hex(8),
                    str(stored.id),
                    stored.message,
                    datetime.fromtimestamp(stored.published_at, UTC),
                )
                for stored in messages
            ]
            database.executemany(
                "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)",
                [
                    (name, int(each.message_id), each.ack_id, now + ACK_DEADLINE_SECONDS)
                    for each in pulled
                ],
            )
        return pulled

    def acknowledge(self, subscription: str, ack_ids: Sequence[str], *, timeout: Timeout) -> None:
        """Acknowledge messages. An expired lease is no error."""
        self._set_end(subscription, ack_ids, None, timeout)

    def extend(
        self, subscription: str, ack_ids: Sequence[str], seconds: int, *, timeout: Timeout
    ) -> None:
        """Let leases end in `seconds`; 0 releases them."""
        self._set_end(subscription, ack_ids, self._now() + seconds, timeout)

    def _set_end(
        self, subscription: str, ack_ids: Sequence[str], end: float | None, timeout: Timeout
    ) -> None:
        name = topic_id(subscription)
        with self._messages.transaction(
            f"Updating leases of {name}", timeout, write=True
        ) as database:
            database.executemany(
                "UPDATE leases SET leased_until = ? WHERE ack_id = ? AND subscription = ?"
                " AND leased_until IS NOT NULL",
                [(end, ack_id, name) for ack_id in ack_ids],
            )
