"""Model-based: the lease, cursor, beginning and `not_before` of a stream, in any order of events.

Several drains acquire and lose the lease; their requests fail, lose their responses or land late;
their clocks disagree; and a person edits the document. `LeaseStore` says what must hold.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import HypothesisProvider
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.lease_model import HOUR, REMOVED, Drain, Intent, LeaseStore, is_paused
from videovector_bridge.backends.embedded.documents import SqliteDocuments
from videovector_bridge.backends.ports import Document
from videovector_bridge.ingest import lease as leases
from videovector_bridge.ingest import rewind as rewinds
from videovector_bridge.ingest import stream_document
from videovector_bridge.ingest.lease import Lease, LeaseLost
from videovector_bridge.ingest.stream_document import Origin

DRAINS = 3

_STARTS = st.sampled_from(["latest", "earliest", "evt-s"])
_CURSORS = st.integers(1, 6).map(lambda number: f"evt-{number}")
_ORIGINS = st.builds(
    Origin,
    st.sampled_from(["api.test", "api.test", "other.test"]),
    st.sampled_from(["{}", "{}", '{"run_id":"r"}']),
    _STARTS,
)
_FATES = st.sampled_from(["ok", "ok", "ok", "fails", "response lost", "lands late", "retried"])
_PLACES = st.integers(0, 7)


def _typed(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([*values, REMOVED, "", None])


_VALUES = {
    "cursor": _typed("evt-1", "evt-2", "by hand", 12, ["evt-3"]),
    "start_from": _typed("latest", "earliest", "by hand", 7),
    "start_setting": _typed("latest", "earliest", 7),
    "not_before": _typed(
        "2026-01-02T03:05:30+00:00",
        "2026-01-02T04:30:00+00:00",
        "2999-01-01T00:00:00+00:00",
        "soon",
        17,
    ),
    "fencing_token": _typed("3", 9, 0, "x", "inf", 2.0),
    "lease_owner": _typed("a person"),
    "lease_seconds": _typed("30", "soon", 5, 1e12, "inf", "nan"),
    "api_host": _typed("other.test"),
    "filters": _typed("[]"),
    "ids_differ": _typed("yes"),
    "events": _typed("7", {}),
    "last_window": _typed("x"),
    "alive_at": _typed("2026-01-02T03:05:30+00:00", 7),
    "note": _typed("watch this"),
    "paused": _typed({"reason": "why"}, True, "why"),
}
# The fields that matter most come up more often than others.
_FIELDS = st.sampled_from([*_VALUES, "cursor", "cursor", "start_from", "not_before"])
_EDITS = st.lists(
    _FIELDS.flatmap(lambda name: st.tuples(st.just(name), _VALUES[name])), min_size=1, max_size=3
).map(dict)


class LeaseMachine(RuleBasedStateMachine):
    """Rules choose who does what next; the model checks it."""

    documents: SqliteDocuments
    streams = 0

    def __init__(self) -> None:
        super().__init__()
        LeaseMachine.streams += 1
        self.model = LeaseStore(self.documents, f"stream-{LeaseMachine.streams}")

    def _waiting(self) -> list[Drain]:
        return [drain for drain in self.model.drains if drain.call is not None]

    def _holding(self) -> list[Drain]:
        return [d for d in self.model.drains if d.call is None and d.lease is not None]

    def _running(self) -> list[Drain]:
        return [drain for drain in self._holding() if drain.doing != "release"]

    @precondition(lambda self: len(self.model.drains) < DRAINS)
    @rule(
        origin=_ORIGINS,
        lease_seconds=st.sampled_from([5.0, 30.0]),
        clock_ahead=st.sampled_from([0.0, 1e6, -7.5]),
        day_ahead=st.sampled_from([0.0, 0.0, 1 / 24, -1 / 24, 400.0]),
        at_once=st.booleans(),
    )
    def acquire(
        self,
        *,
        origin: Origin,
        lease_seconds: float,
        clock_ahead: float,
        day_ahead: float,
        at_once: bool,
    ) -> None:
        """A window begins."""
        drain = self.model.acquire(
            origin, lease_seconds=lease_seconds, clock_ahead=clock_ahead, day_ahead=day_ahead
        )
        self._finish(drain, at_once=at_once)

    @precondition(lambda self: self._running())
    @rule(place=_PLACES, cursor=_CURSORS, at_once=st.booleans())
    def commit(self, *, place: int, cursor: str, at_once: bool) -> None:
        """A window commits a cursor; where that means nothing to it, it renews the lease."""
        drain = _chosen(self._running(), place)
        self.model.commit(drain, _next(drain, cursor))
        self._finish(drain, at_once=at_once)

    @precondition(lambda self: self._running())
    @rule(place=_PLACES, policy=st.sampled_from(["latest", "earliest"]), at_once=st.booleans())
    def start_over(self, *, place: int, policy: str, at_once: bool) -> None:
        """A window abandons the cursor, as its policy says."""
        drain = _chosen(self._running(), place)
        begun = drain.begun
        assert begun is not None
        if begun.cursor is None and begun.start_from in ("latest", "earliest"):
            return  # there is nothing that VideoVector could refuse
        self.model.commit(drain, Intent(None, policy, by_policy=True))
        self._finish(drain, at_once=at_once)

    @precondition(lambda self: self._holding())
    @rule(
        place=_PLACES,
        cursor=st.none() | _CURSORS,
        wait_seconds=st.sampled_from([None, None, 20.0, HOUR]),
        at_once=st.booleans(),
    )
    def release(
        self, *, place: int, cursor: str | None, wait_seconds: float | None, at_once: bool
    ) -> None:
        """A window ends."""
        drain = _chosen(self._holding(), place)
        intent = None if cursor is None else _next(drain, cursor)
        self.model.release(drain, intent, wait_seconds)
        self._finish(drain, at_once=at_once)

    @precondition(lambda self: self._waiting())
    @rule(place=_PLACES, fate=_FATES)
    def proceed(self, *, place: int, fate: Any) -> None:
        """One request of one window is performed, or not."""
        self.model.proceed(_chosen(self._waiting(), place), fate)

    @precondition(lambda self: self.model.late)
    @rule(place=_PLACES)
    def land(self, *, place: int) -> None:
        """A late request is performed."""
        self.model.land(self.model.late[place % len(self.model.late)])

    @precondition(lambda self: self.model.drains)
    @rule(place=_PLACES)
    def kill(self, *, place: int) -> None:
        """A process ends."""
        self.model.kill(_chosen(self.model.drains, place))

    @rule(seconds=st.sampled_from([1.0, 4.0, 6.0, 31.0, HOUR]))
    def pass_time(self, *, seconds: float) -> None:
        """Time passes."""
        self.model.now += seconds

    @precondition(lambda self: self.model.document is not None)
    @rule(changes=_EDITS)
    def edit(self, *, changes: dict[str, Any]) -> None:
        """A person edits the document."""
        self.model.edit(changes)

    @rule(sure=st.integers(0, 2))
    def pause(self, *, sure: int) -> None:
        """A person pauses the stream, now and then."""
        if sure == 2:
            self.model.pause()

    @precondition(lambda self: self._paused())
    @rule()
    def resume(self) -> None:
        """A person resumes the stream."""
        self.model.resume()

    @precondition(lambda self: self._paused())
    @rule()
    def preview(self) -> None:
        """A person asks what a rewind would do."""
        self.model.preview()

    @precondition(lambda self: self.model.document and self.model.previewed)
    @rule(cursor=st.none() | _CURSORS, origin=_ORIGINS, at_once=st.booleans())
    def rewind(self, *, cursor: str | None, origin: Origin, at_once: bool) -> None:
        """A person rewinds the stream, after a new preview or an old one."""
        if at_once:
            self.model.preview()
        self.model.rewind(cursor, origin)

    @precondition(lambda self: self.model.document and self.model.rewound)
    @rule()
    def undo(self) -> None:
        """A person undoes the last rewind."""
        self.model.preview()
        self.model.undo()

    def _paused(self) -> bool:
        document = self.model.document
        return document is not None and is_paused(document.fields)

    @precondition(lambda self: self.model.document is not None)
    @rule(sure=st.integers(0, 2))
    def delete(self, *, sure: int) -> None:
        """A person deletes the document, now and then."""
        if sure == 2:
            self.model.delete()

    @invariant()
    def one_owner(self) -> None:
        """At most one window trusts its lease."""
        self.model.check()

    def teardown(self) -> None:
        """After any change to the document, the stream continues in the end."""
        for drain in list(self.model.drains):
            self.model.kill(drain)
        for late in list(self.model.late):
            self.model.land(late)
        if self._paused():
            self.model.resume()
        self.model.now += 3 * HOUR
        last = self.model.acquire(
            Origin("api.test", "{}", "latest"), lease_seconds=30.0, clock_ahead=0.0, day_ahead=0.0
        )
        self._finish(last, at_once=True)
        assert isinstance(last.lease, Lease), "the stream is stuck"
        self.model.release(last, Intent("the end", "latest", by_policy=False), None)
        self._finish(last, at_once=True)
        assert self.model.document is not None
        assert self.model.document.fields["cursor"] == "the end"

    def _finish(self, drain: Drain, *, at_once: bool) -> None:
        while at_once and drain.call is not None:
            self.model.proceed(drain)


def _chosen(drains: list[Drain], place: int) -> Drain:
    return drains[place % len(drains)]


def _next(drain: Drain, cursor: str) -> Intent | None:
    """The position at `cursor`, unless the window must first abandon an old one."""
    assert drain.lease is not None
    assert drain.begun is not None
    if drain.origin.find_change(drain.lease.fields):
        return None
    return Intent(cursor, drain.begun.start_from, by_policy=drain.begun.by_policy)


def run(machine: type[LeaseMachine], examples: int, **named: Any) -> None:
    """Run the machine over a new folder."""
    with TemporaryDirectory() as folder:
        machine.documents = SqliteDocuments(Path(folder))
        run_state_machine_as_test(
            machine, settings=settings(max_examples=examples, stateful_step_count=40, **named)
        )


def test_one_writer_and_no_lost_position() -> None:
    """Any operations in any order: every check of the model passes."""
    run(LeaseMachine, 300)


# Bugs, each of which the machine must find.


def _compare_nothing(patch: pytest.MonkeyPatch) -> None:
    """A write replaces any stored version."""
    write = SqliteDocuments.write

    def blind(self: SqliteDocuments, *key: Any, replaces: Document | None, **named: Any) -> Any:
        return write(self, *key[:3], replaces=self.read(*key[:2], timeout=5.0), **named)

    patch.setattr(SqliteDocuments, "write", blind)


def _change_claimed(
    patch: pytest.MonkeyPatch, change: Callable[[Mapping[str, Any], Origin], dict[str, Any]]
) -> None:
    honest = stream_document.claim_fields

    def wrong(known: Mapping[str, Any], owner: str, origin: Origin, seconds: float) -> Any:
        return honest(known, owner, origin, seconds) | change(known, origin)

    patch.setattr(leases, "claim_fields", wrong)


def _keep_the_token(patch: pytest.MonkeyPatch) -> None:
    """Acquiring the lease does not raise the fencing token."""
    _change_claimed(
        patch,
        lambda known, _: {"fencing_token": stream_document._whole(known.get("fencing_token")) or 1},
    )


def _keep_not_before(patch: pytest.MonkeyPatch) -> None:
    """A window keeps the `not_before` of the previous window."""
    _change_claimed(patch, lambda known, _: {"not_before": known.get("not_before")})


def _follow_the_setting_always(patch: pytest.MonkeyPatch) -> None:
    """A chosen start is lost."""
    _change_claimed(patch, lambda _, origin: {"start_from": origin.start_from})


def _follow_the_setting_never(patch: pytest.MonkeyPatch) -> None:
    """The first setting counts for ever."""

    def change(known: Mapping[str, Any], origin: Origin) -> dict[str, Any]:
        return {"start_from": stream_document._text(known.get("start_from")) or origin.start_from}

    _change_claimed(patch, change)


def _forget_the_host(patch: pytest.MonkeyPatch) -> None:
    """A new host is stored as the host of the cursor."""
    _change_claimed(patch, lambda _, origin: {"api_host": origin.api_host})


def _ignore_not_before(patch: pytest.MonkeyPatch) -> None:
    """A stream that backs off is drained."""
    patch.setattr(leases, "backoff_until", lambda _known, _now: None)


def _acquire_early(patch: pytest.MonkeyPatch) -> None:
    """A lease is acquired before it has ended."""
    patch.setattr(stream_document, "LONGEST_LEASE_SECONDS", 3.0)


def _trust_too_long(patch: pytest.MonkeyPatch) -> None:
    """An owner trusts its lease after it has ended."""
    patch.setattr(
        Lease, "expires_at", property(lambda self: self._written_at + self._lease_seconds + 9)
    )


def _overwrite_any_owner(patch: pytest.MonkeyPatch) -> None:
    """After a conflict the owner does not check who wrote."""

    def unchecked(self: Lease, _deadline: float) -> Any:
        stored = self._documents.read(stream_document.COLLECTION, self._name, timeout=5.0)
        if stored is None:
            raise LeaseLost
        return stored

    patch.setattr(Lease, "_own_document", unchecked)


def _overwrite_a_person(patch: pytest.MonkeyPatch) -> None:
    """A position set by hand is ignored."""

    class Anything(list[Any]):
        def __contains__(self, _item: object) -> bool:
            return True

    own = Lease._own_document

    def unchecked(self: Lease, deadline: float) -> Any:
        self._positions = Anything()
        return own(self, deadline)

    patch.setattr(Lease, "_own_document", unchecked)


def _drain_a_paused_stream(patch: pytest.MonkeyPatch) -> None:
    """A pause is ignored."""
    patch.setattr(leases, "parse_pause", lambda _known: None)


def _forget_the_pause(patch: pytest.MonkeyPatch) -> None:
    """A window empties the field."""
    release = Lease.release

    def forgetful(self: Lease, changes: Mapping[str, Any], **named: Any) -> None:
        release(self, {**changes, "paused": None}, **named)

    patch.setattr(Lease, "release", forgetful)


def _rewind_a_leased_stream(patch: pytest.MonkeyPatch) -> None:
    """A rewind does not look at the lease."""
    patch.setattr(rewinds, "lease_owner", lambda _known: "")


def _rewind_under_the_same_token(patch: pytest.MonkeyPatch) -> None:
    """A rewind does not raise the token."""
    patch.setattr(rewinds, "next_token", lambda known: stream_document.next_token(known) - 1)


def _rewind_any_stream(patch: pytest.MonkeyPatch) -> None:
    """A rewind does not need a pause."""
    patch.setattr(rewinds, "parse_pause", lambda _known: "paused")


_BUGS = (
    _drain_a_paused_stream,
    _forget_the_pause,
    _rewind_a_leased_stream,
    _rewind_under_the_same_token,
    _rewind_any_stream,
    _compare_nothing,
    _keep_the_token,
    _keep_not_before,
    _follow_the_setting_always,
    _follow_the_setting_never,
    _forget_the_host,
    _ignore_not_before,
    _acquire_early,
    _trust_too_long,
    _overwrite_any_owner,
    _overwrite_a_person,
)


@seed(0)
class SeededMachine(LeaseMachine):
    """The machine with the same random choices in each run; this seed finds each bug early."""


@pytest.mark.parametrize("plant", _BUGS, ids=[bug.__name__.strip("_") for bug in _BUGS])
def test_the_machine_finds_a_planted_bug(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine finds each bug, with the same examples on every machine."""
    plant(monkeypatch)
    # Hypothesis mixes constants of all imported modules into the examples, so these would depend
    # on the tests that ran before.
    monkeypatch.setattr(HypothesisProvider, "_maybe_draw_constant", lambda *_args, **_named: None)

    with pytest.raises(AssertionError):
        run(
            SeededMachine,
            3_000,
            database=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
        )
