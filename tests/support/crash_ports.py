"""The ports as one process sees them, with the semantics of either backend."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.support.crash_history import Piece
from tests.support.crash_state import State, StoredDocument
from tests.support.step_loop import Job, nothing
from videovector_bridge.backends.ports import Backend, Document, Message, Timeout, seconds_left
from videovector_bridge.backends.publish_limits import check_request
from videovector_bridge.errors import BackendError, OutOfTimeError

T = TypeVar("T")


@dataclass(frozen=True)
class Semantics:
    """The behaviour of a backend where the ports allow several.

    `atomic`: a publish request is stored whole or not at all. Otherwise it is stored message by
    message, and the messages that a process stored before its death remain. `timed_blobs`: blobs
    have a timeout. `faults` of a call: `refused` has no effect; `lost` has an effect, but raises an
    error; `retried` is done twice, as the first response was lost; `half` is done in part.
    `jobs` are the seconds of each call: the wait for a thread, and the wait for the response.
    """

    name: str
    atomic: bool
    timed_blobs: bool
    jobs: tuple[Job, ...]
    faults: Mapping[str, tuple[str, ...]]


EMBEDDED = Semantics(
    "embedded",
    atomic=True,
    timed_blobs=False,
    # Slow enough that batches overlap.
    jobs=((0.0, 0.03),),
    faults={
        "publish": ("refused",),
        "read": ("refused",),
        "write": ("refused",),
        "put": ("refused",),
        "part": ("refused",),
        "finish": ("refused",),
    },
)
"""SQLite and files: one transaction a request, and no response is lost."""

GCP = Semantics(
    "gcp",
    atomic=False,
    timed_blobs=True,
    # Requests overtake each other.
    jobs=((0.05, 0.02), (0.0, 0.02), (0.0, 0.04)),
    faults={
        "publish": ("refused", "lost", "retried", "half"),
        "read": ("refused",),
        "write": ("refused", "lost", "retried"),
        "put": ("refused", "lost", "retried"),
        "part": ("refused",),
        "finish": ("refused", "lost"),
    },
)
"""Pub/Sub, Firestore and Cloud Storage: any response may be lost, and the request is retried."""

SEMANTICS = (EMBEDDED, GCP)

Fault = tuple[int, str]
"""The number of a call, from 1, and what happens to it."""


class Process:
    """One window's process: its ports to the state, and the steps that it takes.

    Calls `step` with the name of each moment before, during and after a call. `calls` names the
    calls so far; `learned` is what the job that runs knows to be published.
    """

    def __init__(
        self,
        state: State,
        semantics: Semantics,
        number: int,
        *,
        step: Callable[[str], None] = nothing,
        fault: Fault | None = None,
    ) -> None:
        self.state = state
        self.semantics = semantics
        self.number = number
        self.step = step
        self.calls: list[str] = []
        self.learned: set[Piece] = set()
        self._fault = fault

    def backend(self) -> Backend:
        """The ports together."""
        blobs = _Blobs(self) if self.state.history.bucket else None
        return Backend(_Topics(self), _Documents(self), blobs)

    def call(
        self,
        name: str,
        timeout: Timeout | None,
        effect: Callable[[bool, bool], T],
    ) -> T:
        """Make a call. Passes `effect` whether it is a retry, and whether it ends halfway."""
        self.calls.append(name)
        number = len(self.calls)
        call = f"call {number} ({name})"
        self.step(f"before {call}")
        if timeout is not None and seconds_left(timeout) <= 0:
            raise OutOfTimeError("no time was left")
        if name == "publish":
            self.state.check_sending(self.number)
        self.step(f"during {call}")
        fault = self._fault[1] if self._fault is not None and self._fault[0] == number else ""
        if fault == "refused":
            raise BackendError("the store is unavailable")
        result = effect(False, fault == "half")
        if fault == "retried":
            result = effect(True, False)
        self.step(f"after {call}")
        if fault in ("lost", "half"):
            raise BackendError("the response was lost")
        return result


class _Topics:
    def __init__(self, process: Process) -> None:
        self._process = process

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        process = self._process
        check_request(topic, messages)

        def effect(again: bool, half: bool) -> set[Piece]:  # noqa: FBT001
            count = len(messages) // 2 if half else len(messages)
            pieces = set()
            for number, message in enumerate(messages[:count], 1):
                pieces.add(process.state.store(process.number, topic, message, again=again))
                if not process.semantics.atomic and number < count:
                    process.step(f"between the messages of call {len(process.calls)}")
            return pieces

        process.learned |= process.call("publish", timeout, effect)


class _Documents:
    def __init__(self, process: Process) -> None:
        self._process = process

    def read(self, _collection: str, _document_id: str, *, timeout: Timeout) -> Document | None:
        state = self._process.state
        stored = self._process.call("read", timeout, lambda _again, _half: state.document)
        return None if stored is None else self._document(stored)

    def write(
        self,
        _collection: str,
        _document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,
        keep_seconds: float | None = None,  # noqa: ARG002 - nothing is removed
    ) -> Document:
        process = self._process
        expected = None if replaces is None else int(str(replaces.revision).removeprefix("time "))
        stored = process.call(
            "write",
            timeout,
            lambda _again, _half: process.state.write(process.number, fields, expected),
        )
        return self._document(stored)

    def _document(self, stored: StoredDocument) -> Document:
        process = self._process
        revision: object = stored.revision
        if not process.semantics.atomic:
            revision = f"time {revision}"
        return Document(dict(stored.fields), revision, process.state.now - stored.written_at)


class _Blobs:
    def __init__(self, process: Process) -> None:
        self._process = process

    def put(self, name: str, data: bytes, _content_type: str, *, timeout: Timeout) -> str:
        def effect(_again: bool, _half: bool) -> str:  # noqa: FBT001
            return store_blob(self._process, name, data)

        return self._process.call("put", blob_time(self._process, timeout), effect)

    def open(self, name: str, _content_type: str) -> "_Writer":
        return _Writer(self._process, name)

    def get(self, uri: str, *, timeout: Timeout) -> bytes:  # noqa: ARG002 - no window reads blobs
        return self._process.state.blobs[uri]


class _Writer:
    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self._name = name
        self._parts: list[bytes] = []

    def write(self, part: bytes, *, timeout: Timeout) -> None:
        self._process.call(
            "part",
            blob_time(self._process, timeout),
            lambda _again, _half: self._parts.append(part),
        )

    def finish(self, *, timeout: Timeout) -> str:
        def effect(_again: bool, _half: bool) -> str:  # noqa: FBT001
            return store_blob(self._process, self._name, b"".join(self._parts))

        return self._process.call("finish", blob_time(self._process, timeout), effect)


def blob_time(process: Process, timeout: Timeout) -> Timeout | None:
    """Return the timeout of a call of a blob, if the backend has one."""
    return timeout if process.semantics.timed_blobs else None


def store_blob(process: Process, name: str, data: bytes) -> str:
    """Store a whole object, unless one of this name exists. Returns its URI."""
    state = process.state
    state.blobs.setdefault(f"blob:{name}", data)
    state.version += 1
    return f"blob:{name}"
