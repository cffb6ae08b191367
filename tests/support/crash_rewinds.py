"""Windows that stand still while a person pauses and rewinds their stream, and then continue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.crash_history import History
from tests.support.crash_ports import Semantics
from tests.support.crash_state import State, StoredDocument
from tests.support.crashes import LEASE_SECONDS, Watch, check_resumed, run_window
from videovector_bridge.backends.ports import Document, Timeout
from videovector_bridge.errors import ConflictError
from videovector_bridge.ingest.rewind import RewindRefused, check_state, rewind
from videovector_bridge.ingest.stream_document import Origin

_ORIGIN = Origin("api.example.test", "{}", "earliest")
_SECONDS = 5.0


class _Person:
    """The `Documents` of a person, whose writes no check of the windows concerns."""

    def __init__(self, state: State) -> None:
        self._state = state

    def read(self, _collection: str, _document_id: str, *, timeout: Timeout) -> Document | None:  # noqa: ARG002
        """Return the document."""
        stored = self._state.document
        if stored is None:
            return None
        return Document(dict(stored.fields), stored.revision, self._state.now - stored.written_at)

    def write(
        self,
        collection: str,
        document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,
        keep_seconds: float | None = None,  # noqa: ARG002
    ) -> Document:
        """Write if `replaces` is stored."""
        state = self._state
        before = state.document
        if (before and before.revision) != (replaces and replaces.revision):
            raise ConflictError("another writer was first")
        known = before.fields if before is not None else {}
        revision = before.revision + 1 if before is not None else 1
        state.document = StoredDocument({**known, **fields}, revision, state.now)
        state.version += 1
        if "fencing_token" in fields:
            state.holder = None
            state.rewinds += 1
        written = self.read(collection, document_id, timeout=timeout)
        assert written is not None
        return written

    def set_pause(self, value: Mapping[str, str] | None) -> None:
        """Pause or resume the stream."""
        before = self.read("streams", "default", timeout=_SECONDS)
        self.write("streams", "default", {"paused": value}, replaces=before, timeout=_SECONDS)

    def rewind(self) -> None:
        """Rewind to the earliest event. Raises `RewindRefused`."""
        document = check_state("default", self.read("streams", "default", timeout=_SECONDS))
        rewind(self, "default", document, cursor=None, origin=_ORIGIN, id_="one", timeout=_SECONDS)


@dataclass
class Rewinds:
    """How many rewinds were tried: at each step of a window, and those refused for its lease."""

    steps: int = 0
    refused: int = 0


def rewind_each_step(history: History, semantics: Semantics) -> Rewinds:
    """At each step of a window, pause its stream, and rewind it when the lease has ended.

    Before that, a rewind is refused. The window then continues; after it, the next one drains the
    stream from its beginning. Raises `InvariantBroken`.
    """
    watch = Watch(State(history))
    run_window(State(history), semantics, step=watch)
    tried = Rewinds()
    for step, name in enumerate(watch.names, 1):
        state = State(history)
        _run_disturbed(state, semantics, step, name, tried)
        document = state.document
        assert document is not None
        if (document.fields["cursor"], document.fields["start_from"]) != (None, "earliest"):
            state.note(1, f"moves the cursor to {document.fields['cursor']} after a rewind")
        state.check()
        _Person(state).set_pause(None)
        report, _ = run_window(state, semantics)
        # All of it, whatever the window before has published.
        if report.events != len(history.frames):
            state.note(2, f"reads only {report.events} events after the rewind")
        check_resumed(state, report)
        tried.steps += 1
    return tried


def _run_disturbed(state: State, semantics: Semantics, at: int, name: str, tried: Rewinds) -> None:
    steps = 0

    def step(_name: str) -> None:
        nonlocal steps
        steps += 1
        if steps != at:
            return
        person = _Person(state)
        leased = state.document is not None and state.document.lease_left(state.now) > 0
        state.path += (f"a person pauses and rewinds at step {at}, {name}",)
        person.set_pause({"since": "", "reason": "made up", "by": ""})
        if leased:
            try:
                person.rewind()
            except RewindRefused:
                tried.refused += 1
            else:
                state.note(1, "is rewound although it has the lease")
            state.now += LEASE_SECONDS + 0.1
        person.rewind()

    run_window(state, semantics, step=step)
