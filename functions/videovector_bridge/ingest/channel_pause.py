"""Whether a person paused the webhook channel, from its document `channels/webhook`."""

import threading
import time
from collections.abc import Callable
from typing import Final

from videovector_bridge.backends.ports import Documents
from videovector_bridge.pause import CHANNELS, WEBHOOK, Pause, parse_pause
from videovector_bridge.telemetry import log

EVERY_SECONDS: Final = 10.0
"""Seconds from one read of the document to the next."""
READ_SECONDS: Final = 2.0
"""The longest time that a read may delay one request."""


class ChannelPause:
    """Reads the document at most every 10 s, in the thread of a request. Thread-safe.

    While one thread reads, others use the last value; only the first read is waited for. A document
    that cannot be read changes nothing: the last value stays valid.
    """

    def __init__(
        self, documents: Documents, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._lock = threading.Lock()
        self._pause: Pause | None = None
        self._due_at: float | None = None  # None before the first read
        self._unreadable = False

    def get(self) -> Pause | None:
        """Return the pause, at most about 10 s old; None if the channel is not paused."""
        due_at = self._due_at
        if due_at is not None and self._clock() < due_at:
            return self._pause
        if self._lock.acquire(timeout=READ_SECONDS if due_at is None else 0):
            try:
                if self._due_at == due_at:  # no other thread has read it
                    self._read()
            finally:
                self._lock.release()
        return self._pause

    def _read(self) -> None:
        try:
            document = self._documents.read(CHANNELS, WEBHOOK, timeout=READ_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, deliveries must not wait for it
            self._note(f"{type(error).__name__}: {error}")
        else:
            self._pause = parse_pause(document.fields) if document is not None else None
            self._note("")
        self._due_at = self._clock() + EVERY_SECONDS

    def _note(self, problem: str) -> None:
        """Log the beginning and the end of a time without readable state."""
        if bool(problem) == self._unreadable:
            return
        self._unreadable = bool(problem)
        state = "paused" if self._pause else "not paused"
        where = f"{CHANNELS}/{WEBHOOK}"
        if problem:
            message = f"The webhook channel stays {state}: {where} cannot be read. {problem}"
            log("WARNING", "webhook.pause_unreadable", message)
        else:
            log("INFO", "webhook.pause_readable", f"{where} is readable again: {state}.")
