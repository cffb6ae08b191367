"""Read messages that are published on a topic from now on, on either backend."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from videovector_bridge.backends.embedded.topics import MessageLog
from videovector_bridge.settings.cli import WatchedTopic

_POLL_SECONDS = 0.1


class Watch(Protocol):
    """Reads messages that are published after it was opened. Raises `BackendError`."""

    def poll(self, seconds: float) -> Sequence[Mapping[str, str]]:
        """Return the attributes of new messages; wait for the first at most `seconds`."""
        ...


class EmbeddedWatch:
    """The `Watch` port on the embedded backend."""

    def __init__(
        self,
        folder: Path,
        topic: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._log = MessageLog(folder)
        self._topic = topic
        self._clock = clock
        self._sleep = sleep
        self._last_id = 0
        while self._read():  # skip what is already there
            pass

    def poll(self, seconds: float) -> Sequence[Mapping[str, str]]:
        """Return the attributes of new messages; wait for the first at most `seconds`."""
        deadline = self._clock() + seconds
        while not (messages := self._read()) and self._clock() < deadline:
            self._sleep(_POLL_SECONDS)
        return messages

    def _read(self) -> list[Mapping[str, str]]:
        entries = self._log.read(self._topic, self._last_id)
        self._last_id = entries[-1].id if entries else self._last_id
        return [entry.message.attributes for entry in entries]


@contextmanager
def open_watch(watched: WatchedTopic) -> Iterator[Watch]:
    """Yield a watch on the topic. Raises `BackendError`."""
    if watched.backend.kind == "embedded":
        yield EmbeddedWatch(Path(watched.backend.embedded_dir), watched.topic)
        return
    from videovector_bridge.cli.webhook.pubsub_watch import PubSubWatch  # noqa: PLC0415 - 200 ms

    backend = watched.backend
    with PubSubWatch(
        topic_path(watched), backend.project, watched.subscription, backend.pubsub_endpoint
    ) as watch:
        yield watch


def topic_path(watched: WatchedTopic) -> str:
    """Return the full name of the topic, `projects/P/topics/T`."""
    if "/" in watched.topic:
        return watched.topic
    return f"projects/{watched.backend.project}/topics/{watched.topic}"
