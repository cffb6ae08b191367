"""Common rules of all actions: the names of effects, and the limits of a state."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.automate.action import (
    MAX_STATE_BYTES,
    Cause,
    TargetState,
    check_state,
    effect_key,
    part_key,
)
from videovector_bridge.automate.effects.record import Version
from videovector_bridge.automate.received import ReceivedEvent
from videovector_bridge.errors import PermanentError

MADE_AT = datetime(2026, 1, 1, tzinfo=UTC).isoformat(timespec="microseconds")
names = st.text(min_size=1, max_size=100)
ids = st.text(alphabet="!~a", min_size=1, max_size=900)
parts = st.one_of(names, ids)


def version(event_id: str = "e", source: str = "//x") -> Version:
    """The version of an event."""
    return Version(MADE_AT, event_id, source)


@given(names, ids, parts)
def test_the_key_of_an_effect_fits_a_header(automation: str, event_id: str, part: str) -> None:
    """For any names of automation and part, the key is valid in an attribute and a header."""
    key = effect_key(automation, version(event_id))

    for name in (key, part_key(key, part)):
        assert name.isascii()
        assert name.isprintable()
        assert " " not in (name[0], name[-1])
        assert len(name) <= 1_024


@given(names, ids, parts)
def test_different_effects_have_different_keys(automation: str, event_id: str, part: str) -> None:
    """Each automation, event, source and part has a different key."""
    key = effect_key(automation, version(event_id))

    assert key != effect_key(automation + "x", version(event_id))
    assert key != effect_key(automation, version(event_id + "x"))
    assert key != effect_key(automation, version(event_id, "//y"))
    assert part_key(key, part) != part_key(key, part + "x")


def test_the_key_of_an_effect_is_the_same_at_every_try() -> None:
    """The key does not depend on the time of the event."""
    other = Version("2027-01-01T00:00:00.000000+00:00", "e", "//x")

    assert effect_key("a", version()) == effect_key("a", other)


def test_a_cause_names_its_event_by_source_and_id() -> None:
    """The cause names the event. Ids that are invalid in an attribute are omitted."""
    fields = {"event_type": "a.b", "run_id": 7, "video_id": "x" * 901, "segment_id": ""}
    cause = Cause("marks", ReceivedEvent(fields, version("evt", "//x"), b""))

    assert cause.as_json() == {
        "key": effect_key("marks", version("evt", "//x")),
        "automation": "marks",
        "event_id": "evt",
        "event_source": "//x",
        "event_type": "a.b",
        "created_at": MADE_AT,
        "run_id": "7",
        **dict.fromkeys(["user_id", "video_id", "segment_id", "index_id"]),
    }


def nested(levels: int) -> Any:
    """An object of so many levels."""
    value: Any = None
    for _ in range(levels):
        value = {"v": value}
    return value


@pytest.mark.parametrize(
    ("target", "desired", "code"),
    [
        ("x:1", {"v": "x" * MAX_STATE_BYTES}, "state_too_large"),
        ("marker:1", {"v": "x" * MAX_STATE_BYTES}, "marker_too_large"),
        ("x:1", {"v": 2**64}, "state_not_json"),
        ("x:1", {"v": "\ud800"}, "state_not_json"),
        ("x:1", nested(300), "state_not_json"),
    ],
)
def test_a_state_that_no_record_holds_is_refused(target: str, desired: Any, code: str) -> None:
    """A redelivery would fail in the same way."""
    with pytest.raises(PermanentError) as caught:
        check_state(TargetState(target, desired))

    assert (caught.value.owner, caught.value.code) == ("user", code)
