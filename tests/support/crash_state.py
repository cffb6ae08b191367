"""The store, the topics and the bucket, which outlive the process of a window.

A `State` checks the invariants at every request, and records each violation. A copy of it is the
state that a process leaves when it is killed at that moment.
"""

import copy
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.crash_history import WHOLE, Frame, History, Piece
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import ConflictError
from videovector_bridge.events import lane_key

STARTS_AT = 1_000.0
_COUNTERS = ("events", "published", "rejected", "windows")


class InvariantBroken(AssertionError):
    """A schedule after which an invariant does not hold."""


@dataclass(frozen=True)
class StoredDocument:
    """The stream's document."""

    fields: Mapping[str, Any]
    revision: int
    written_at: float

    def lease_left(self, now: float) -> float:
        """Seconds until the lease ends; 0 or less when it has no owner."""
        if not self.fields.get("lease_owner"):
            return 0.0
        return self.written_at + float(self.fields["lease_seconds"]) - now


class State:
    """The stored state of a stream. `version` counts its changes."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.now = STARTS_AT
        self.version = 0
        self.windows = 0
        self.rewinds = 0
        self.holder: int | None = None
        self.document: StoredDocument | None = None
        self.log: list[tuple[int, str, Piece]] = []
        self.acknowledged: set[Piece] = set()
        self.blobs: dict[str, bytes] = {}
        self.starts: dict[int, int] = {}
        self.path: tuple[str, ...] = ()
        self.broken: list[str] = []
        if history.cursor is not None:
            host = {"api_host": "api.example.test", "filters": history.filters}
            known = {key: value for key, value in host.items() if value is not None}
            self.document = StoredDocument({"cursor": history.cursor} | known, 1, self.now)

    def copy(self) -> "State":
        """Return a copy of the state at this moment."""
        other = copy.copy(self)
        other.log = self.log.copy()
        other.acknowledged = self.acknowledged.copy()
        other.blobs = self.blobs.copy()
        other.starts = self.starts.copy()
        other.broken = self.broken.copy()
        return other

    def fingerprint(self) -> Hashable:
        """Return a value that is equal for states in which every later window does the same."""
        document = self.document
        fields = document and (repr(sorted(document.fields.items())), document.revision)
        sets = frozenset(self.acknowledged), frozenset(self.blobs)
        return self.windows, self.holder, fields, tuple(self.log), sets

    def note(self, window: int, violation: str) -> None:
        """Record that an invariant is broken."""
        self.broken.append(f"window {window}: {violation}")

    # Messages

    def check_sending(self, window: int) -> None:
        """Invariant 6: nothing is published after the lease is lost."""
        left = self.document.lease_left(self.now) if self.document is not None else 0.0
        if self.holder != window or left <= 0:
            self.note(window, "publishes without the lease")

    def store(self, window: int, topic: str, message: Message, *, again: bool) -> Piece:
        """Store a message and return its piece; `again`: a retry of the same request."""
        piece = self._identify(window, topic, message)
        if piece[1] == WHOLE and piece[0] in self.history.ids and not again:
            self._check_order(window, piece[0])
        self.log.append((window, topic, piece))
        self.version += 1
        return piece

    def acknowledge(self, pieces: set[Piece]) -> None:
        """Record that the caller knows that these pieces are stored."""
        if pieces:
            self.acknowledged |= pieces
            self.version += 1

    def _identify(self, window: int, topic: str, message: Message) -> Piece:
        """Return the piece of a message; check its bytes."""
        names = message.attributes
        if topic == "events":
            id_ = names["ce-id"]
            if id_ == self.history.gap_id:
                return id_, WHOLE
            frame = self._frame(id_)
            data = message.data
            if "ce-dataref" in names:
                stored = self.blobs.get(names["ce-dataref"])
                if stored is None:
                    self.note(window, f"publishes the claim of {id_} before its object is complete")
                data = stored if stored is not None else frame.data
            lane = frame.lane(bucket=self.history.bucket)
            if data != frame.data or lane is None or message.ordering_key != lane_key(lane):
                self.note(window, f"publishes {id_} with other bytes or in another lane")
            return id_, WHOLE
        frame, number = self._frame(names["last-event-id"]), int(names["part"])
        if message.data != frame.parts[number - 1]:
            self.note(window, f"rejects part {number} of {frame.id} with other bytes")
        if number == len(frame.parts) > 1 and (
            names["sha256"] != frame.sha256 or int(names["parts"]) != number
        ):
            self.note(window, f"rejects {frame.id} with a wrong hash or number of parts")
        return frame.id, number

    def _frame(self, id_: str) -> Frame:
        return self.history.frames[self.history.ids.index(id_)]

    def _check_order(self, window: int, id_: str) -> None:
        """Invariant 4 under at-least-once delivery; and repetitions begin at the cursor."""
        history = self.history
        place = history.passed(id_)
        if place <= self.starts.get(window, 0):
            self.note(window, f"publishes {id_} again, which the cursor had passed at its start")
        lane = self._frame(id_).lane(bucket=history.bucket)
        mine = {piece for by, _, piece in self.log if by == window}
        ever = {piece for _, _, piece in self.log}
        for other in history.frames:
            if other.id == id_ or other.lane(bucket=history.bucket) != lane:
                continue
            later = history.passed(other.id) > place
            if later and (other.id, WHOLE) in mine:
                self.note(window, f"publishes {id_} after {other.id}")
            if not later and (other.id, WHOLE) not in ever:
                self.note(window, f"publishes {id_} when {other.id} was never published")

    # The document

    def write(self, window: int, fields: Mapping[str, Any], replaces: int | None) -> StoredDocument:
        """Write if `replaces` is the stored revision. Raises `ConflictError` if it is not."""
        if "fencing_token" not in fields and "cursor" in fields:
            self._check_cursor(window, fields["cursor"])
        old = self.document
        if (old.revision if old is not None else None) != replaces:
            raise ConflictError("another writer was first")
        before = old.fields if old is not None else {}
        if "fencing_token" in fields:
            self._check_acquiring(window, before, fields)
        elif self.holder != window:
            self.note(window, "writes under a token that is not the newest")
        for name in _COUNTERS:
            if fields.get(name, before.get(name, 0)) < before.get(name, 0):
                self.note(window, f"counts {name} backwards")
        written = StoredDocument({**before, **fields}, (replaces or 0) + 1, self.now)
        self.document = written
        self.holder = window if written.fields["lease_owner"] else None
        self.version += 1
        return written

    def _check_acquiring(
        self, window: int, before: Mapping[str, Any], fields: Mapping[str, Any]
    ) -> None:
        """Invariant 2: one writer, and a token that grows by one each time."""
        if fields["fencing_token"] != before.get("fencing_token", 0) + 1:
            self.note(window, "acquires the lease without a new token")
        # A window may acquire its own lease again: the response to its first write was lost.
        leased = self.document is not None and self.document.lease_left(self.now) > 0
        if leased and before.get("lease_owner") != fields["lease_owner"]:
            self.note(window, "acquires a lease that has not ended")
        if fields["cursor"] != before.get("cursor"):
            self.note(window, "moves the cursor while it acquires the lease")
        self.starts[window] = self.history.passed(fields["cursor"])

    def _check_cursor(self, window: int, cursor: str | None) -> None:
        """Invariant 1: the cursor passes only acknowledged frames, and never moves back."""
        history = self.history
        for frame in history.frames[: history.passed(cursor)]:
            if missing := frame.pieces(bucket=history.bucket) - self.acknowledged:
                self.note(window, f"moves the cursor past {frame.id}: {missing}")
        before = self.document.fields.get("cursor") if self.document is not None else None
        if history.passed(cursor) < self.starts.get(window, 0):
            self.note(window, f"moves the cursor back to {cursor}")
        abandons = history.gap_id is not None and before == history.cursor != cursor
        if abandons and (history.gap_id, WHOLE) not in self.acknowledged:
            self.note(window, "abandons the cursor before the gap event is acknowledged")

    def check_end(self) -> None:
        """Check that nothing is lost and the cursor is at the end. Raises `InvariantBroken`."""
        history = self.history
        fields = self.document.fields if self.document is not None else {}
        if fields.get("cursor") != history.ids[-1]:
            self.note(self.windows, f"ends with the cursor at {fields.get('cursor')}")
        needed = set().union(*(one.pieces(bucket=history.bucket) for one in history.frames))
        if history.gap_id is not None:
            needed.add((history.gap_id, WHOLE))
        if missing := needed - self.acknowledged:
            self.note(self.windows, f"leaves unpublished: {missing}")
        if fields.get("fencing_token") != fields.get("windows", 0) + self.rewinds:
            self.note(self.windows, "has different numbers of windows and tokens")
        self.check()

    def check(self) -> None:
        """Raise `InvariantBroken` if anything was recorded."""
        if self.broken:
            raise InvariantBroken(f"{'; '.join(self.broken)}\n  after: {' -> '.join(self.path)}")
