"""Real backends that fail on cue and record calls."""

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
    """Do nothing."""


class WatchedTopics:
    """A real `Topics` with hooks before and after each call, numbered from 1.

    An error of a hook is the error of the call; after it, the messages are published and the
    response is lost. `stored` are the published messages, `acknowledged` those that the caller
    knows of.
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
        """Publish, if there is time and no hook raises."""
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

    def messages(self, topic: str = "events") -> list[Message]:
        """Return the messages that are stored, in order of publishing."""
        with self._lock:
            return [message for name, message in self.stored if name == topic]

    def ids(self, topic: str = "events") -> list[str]:
        """Return the ids of the messages that are stored, in order of publishing."""
        return [message.attributes.get("ce-id", "") for message in self.messages(topic)]


class WatchedDocuments:
    """A real `Documents` with hooks before and after each write, numbered from 1.

    `older_by` is added to the age of documents. While `stall` is set, each call lasts until its
    timeout, in virtual `time`.
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
        stored = self._real.read(collection, document_id, timeout=timeout)
        return stored and replace(stored, age_seconds=stored.age_seconds + self.older_by)

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
        """Write, unless a hook raises or the store stalls."""
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
            raise BackendError("Firestore did not respond in time")


class FailingReads(WatchedDocuments):
    """Real documents whose reads raise `error`, if there is one. `reads` counts them."""

    def __init__(self, real: Documents, error: Exception | None = None) -> None:
        super().__init__(real)
        self.error = error
        self.reads = 0

    def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
        """Read, or fail."""
        self.reads += 1
        if self.error is not None:
            raise self.error
        return super().read(collection, document_id, timeout=timeout)


class SlowTopics(WatchedTopics):
    """Publishing that takes `seconds` of virtual time; longer than the timeout: no response."""

    def __init__(self, real: Topics, time: VirtualTime, seconds: float = 0.0) -> None:
        super().__init__(real)
        self._time = time
        self.seconds = seconds

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish after the time."""
        left = seconds_left(timeout)
        if left > 0:
            self._time.sleep(min(self.seconds, left))
            if self.seconds > left:
                raise OutOfTimeError("Pub/Sub did not respond in time")
        super().publish(topic, messages, timeout=timeout)


class Kill:
    """The end of a process as its backend sees it: from call number `at` on, every call fails.

    Pass it to a fake as a hook.
    """

    def __init__(self, at: int) -> None:
        self._at = at
        self.happened = False

    def __call__(self, number: int) -> None:
        """Fail from that call on."""
        if number >= self._at:
            self.happened = True
        if self.happened:
            raise BackendError("the process is gone")

    def dead(self, _number: int) -> None:
        """Fail after the end; for a fake whose calls are not counted."""
        if self.happened:
            raise BackendError("the process is gone")


def watched(
    backend: Backend, topics: WatchedTopics | None = None, documents: WatchedDocuments | None = None
) -> Backend:
    """Return the backend with these in place of its own."""
    return replace(
        backend, topics=topics or backend.topics, documents=documents or backend.documents
    )
