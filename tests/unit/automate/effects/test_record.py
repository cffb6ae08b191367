"""The record of a target as a document, and its limits."""

from random import Random

from tests.support.effects_model import EffectsModel, Odds
from tests.support.stepping import OLD
from videovector_bridge.automate.effects.record import (
    RETENTION_SECONDS,
    Parts,
    Record,
    Refusal,
    State,
    Version,
)
from videovector_bridge.automate.effects.steps import MAX_PENDING, ClaimHeld, TooManyPending, claim


def test_a_record_survives_its_document() -> None:
    """A record is the same after it was stored and read."""
    old = State({"marker": {"color": "red"}}, OLD.version)
    refusal = Refusal("validation_refused", "no such colour", "user", 7.0, reported=True)
    parts = Parts(frozenset("ab"), frozenset("c"))
    record = Record(old, None, {"e": 12.5}, {"f": refusal}, True, "mrk_1", parts)
    model = EffectsModel(Random(1), Odds())
    stored = model.write("effects", "x", record.to_fields(), replaces=None, timeout=1)

    assert record == Record.from_fields(stored.fields)
    assert Record(None) == Record.from_fields(Record(None).to_fields())


def test_a_record_of_version_0_1_is_read() -> None:
    """Records without outcomes are read: without pending events their state was accepted."""
    fields = {"desired": {"a": 1}, "created_at": "t", "event_id": "e", "pending": {}}
    state = State({"a": 1}, Version("t", "e"))

    assert Record(state, state, created=True) == Record.from_fields(fields)


def test_a_held_claim_says_how_long() -> None:
    """A claim that has not ended reports the seconds that are left."""
    record = Record(State({}, OLD.version), None, {OLD.key: 50.0})

    assert ClaimHeld(8.0) == claim(record, State({}, OLD.version), now=42.0, until=80.0)


def test_a_record_forgets_what_pubsub_no_longer_has() -> None:
    """Events that were given up long ago, and old refusals, are removed with the next claim."""
    refusal = Refusal("validation_refused", "no", "user", 1.0)
    record = Record(None, None, {"gone": 1.0}, {"gone": refusal})
    now = RETENTION_SECONDS + 2

    claimed = claim(record, State({}, OLD.version), now=now, until=now + 1)

    assert isinstance(claimed, Record)
    assert claimed.pending == {OLD.key: now + 1}
    assert claimed.refused == {}


def test_a_record_has_room_for_so_many_events() -> None:
    """A target with too many pending events accepts no more, so its document stays small."""
    record = Record(None, None, {str(number): 5.0 for number in range(MAX_PENDING)})

    assert TooManyPending() == claim(record, State({}, OLD.version), now=9.0, until=10.0)
