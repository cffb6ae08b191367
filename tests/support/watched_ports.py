"""Real backends that fail on cue, and that record what they were asked to do."""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.support.virtual_time import VirtualTime
from videovector_bridge.backends.ports import (
    Backend,
    Document,
    Documents,
    Message,
    Timeout,
    Topics,
    seconds_left,
)
from videovector_bridge.errors import BackendError, OutOfTimeError

Hook = Callable[[int], None]


def nothing(*_arguments: object) -> None:
    """Let it pass."""


class WatchedTopics:
    """A real `Topics` with hooks before and after each call, numbered from 1.

    What a hook raises is what the call raises; raised after, the messages are published and the
    answer is lost. `acknowledged` is what the caller knows to be published; `stored` what is.
    """

    def __init__(self, real: Topics, *, before: Hook = nothing, after: Hook = nothing) -> None:
        self._real = real
        self._before = before
        self._after = after
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.stored: list[tuple[str, Message]] = []
        self.acknowledged: list[tuple[str, Message]] = []

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish, if there is time and the hooks let it."""
        if seconds_left(timeout) <= 0:
            raise OutOfTimeError("no time was left")
        number = next(self._numbers)
        self._before(number)
        self._real.publish(topic, messages, timeout=timeout)
        named = [(topic, message) for message in messages]
        with self._lock:
            self.stored += named
        self._after(number)
        with self._lock:
            self.acknowledged += named

    def ids(self, topic: str = "events") -> list[str]:
        """The ids of what is stored, in order of publishing."""
        with self._lock:
            return [m.attributes.get("ce-id", "") for name, m in self.stored if name == topic]


class WatchedDocuments:
    """A real `Documents` with hooks around each write, numbered from 1, and around reads.

    `older_by` makes documents seem older, as by the store's clock. While `stall` is set nothing is
    answered until the timeout, in the virtual time that `time` is.
    """

    def __init__(
        self,
        real: Documents,
        *,
        before: Hook = nothing,
        after: Hook = nothing,
        older_by: float = 0.0,
        time: VirtualTime | None = None,
    ) -> None:
        self._real = real
        self._before = before
        self._after = after
        self._numbers = itertools.count(1)
        self.older_by = older_by
        self._time = time
        self.stall = False
        self.written: list[Mapping[str, Any]] = []

    def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
        """Read, unless stalled."""
        self._wait(timeout)
        found = self._real.read(collection, document_id, timeout=timeout)
        return found and replace(found, age_seconds=found.age_seconds + self.older_by)

    def write(
        self,
        collection: str,
        document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,
        keep_seconds: float | None = None,
    ) -> Document:
        """Write, if the hooks let it, unless stalled."""
        self._wait(timeout)
        number = next(self._numbers)
        self._before(number)
        written = self._real.write(
            collection,
            document_id,
            fields,
            replaces=replaces,
            timeout=timeout,
            keep_seconds=keep_seconds,
        )
        self.written.append(written.fields)
        self._after(number)
        return written

    def _wait(self, timeout: Timeout) -> None:
        if self.stall:
            assert self._time is not None
            self._time.sleep(seconds_left(timeout))
            raise BackendError("Firestore did not answer in time")


class SlowTopics(WatchedTopics):
    """Publishing that takes `seconds` of virtual time; longer than the timeout: no answer."""

    def __init__(self, real: Topics, time: VirtualTime, seconds: float = 0.0) -> None:
        super().__init__(real)
        self._time = time
        self.seconds = seconds

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish when the time has passed."""
        left = seconds_left(timeout)
        if left > 0:
            self._time.sleep(min(self.seconds, left))
            if self.seconds > left:
                raise OutOfTimeError("Pub/Sub did not answer in time")
        super().publish(topic, messages, timeout=timeout)


class Kill:
    """The end of a process, as the world sees it: after one moment nothing is done any more.

    Hand `before` or `after` to a fake as its hook; from call number `at` on every call fails.
    """

    def __init__(self, at: int) -> None:
        self._at = at
        self.happened = False

    def __call__(self, number: int) -> None:
        """Die at the call of that number, and stay dead."""
        if number >= self._at:
            self.happened = True
        if self.happened:
            raise BackendError("the process is gone")

    def dead(self, _number: int) -> None:
        """Refuse calls after the end; for the fake whose calls are not counted."""
        if self.happened:
            raise BackendError("the process is gone")


def watched(
    backend: Backend, topics: WatchedTopics | None = None, documents: WatchedDocuments | None = None
) -> Backend:
    """The backend with these in place of its own."""
    return replace(
        backend, topics=topics or backend.topics, documents=documents or backend.documents
    )
