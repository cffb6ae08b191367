"""Seeing what is published on a topic of the embedded backend."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from videovector_bridge.backends.embedded.message_log import MessageLog

_PAUSE = 0.1


class EmbeddedWatch:
    """The `Watch` port on the embedded backend's file."""

    def __init__(self, folder: Path, topic: str) -> None:
        self._log = MessageLog(folder)
        self._topic = topic
        self._last = 0
        while self._read():
            pass

    def poll(self, seconds: float) -> Sequence[Mapping[str, str]]:
        """The attributes of new messages, waiting at most so long for the first."""
        deadline = time.monotonic() + seconds
        while not (found := self._read()) and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        return found

    def _read(self) -> list[Mapping[str, str]]:
        found = self._log.read(self._topic, self._last)
        self._last = found[-1].id if found else self._last
        return [each.message.attributes for each in found]
