"""Markers: the body that is sent, and the name of the record that keeps its target in order."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.automate.action import MAX_STATE_BYTES, Cause, TargetState, check_state
from videovector_bridge.automate.actions import markers
from videovector_bridge.automate.received import parse_event
from videovector_bridge.errors import PermanentError


def marker(fields: Mapping[str, Any]) -> TargetState:
    """The state from the action's fields."""
    received = parse_event(
        b"{}",
        event_id="e",
        source="//x",
        event_type="com.vectormethods.x",
        channel="stream",
        stated_time="2026-01-01T00:00:00Z",
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return check_state(markers.UPSERT.target_state(fields, Cause("a", received)))


def test_the_body_holds_what_was_given() -> None:
    """Fields whose value is null are omitted; the target names the record."""
    fields = {"target_type": "run", "target_id": "r1", "color": "red", "note": None}

    assert marker(fields) == (
        "marker:run:r1",
        {"marker": {"target_type": "run", "target_id": "r1", "color": "red"}},
        None,
    )


def test_a_field_has_a_target_of_its_own() -> None:
    """Markers on two fields of one object are two targets."""
    fields = {"target_type": "field", "target_id": "p1", "field_path": "a.b"}

    assert marker(fields).target == "marker:field:p1:a.b"


def test_a_body_goes_as_it_is() -> None:
    """Unknown keys are passed on, and `target` names the target."""
    body = {"subject": {"run": "r1"}, "colour": None}

    assert marker({"body": body, "target": "run r1"}) == ("marker:run r1", {"marker": body}, None)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"target_type": "run", "target_id": None},
        {"target_type": "run", "target_id": ""},
        {"target_type": "", "target_id": "r1"},
        {"body": {}},
        {"body": {"colour": "red"}, "target": ""},
    ],
)
def test_a_marker_without_a_target_is_the_users_to_correct(fields: dict[str, Any]) -> None:
    """Nothing is sent without a target."""
    with pytest.raises(PermanentError) as caught:
        marker(fields)

    assert (caught.value.owner, caught.value.code) == ("user", "no_target")


def test_a_target_may_be_a_number() -> None:
    """Zero is an id like any other."""
    assert marker({"target_type": "run", "target_id": 0}).target == "marker:run:0"


def test_the_size_of_a_marker_is_bounded() -> None:
    """A state that is too large for a record is rejected."""
    fields = {"target_type": "run", "target_id": "r1", "note": "x" * MAX_STATE_BYTES}

    with pytest.raises(PermanentError, match="at most 100,000") as caught:
        marker(fields)

    assert caught.value.code == "marker_too_large"


parts = st.text(alphabet="ab:%3A/", min_size=1, max_size=6)
targets = st.tuples(parts, parts, st.one_of(st.none(), parts))


@given(targets, targets)
def test_different_targets_have_different_records(
    one: tuple[str, str, str | None], other: tuple[str, str, str | None]
) -> None:
    """Two targets never share a record, for any ids and paths."""

    def record(target: tuple[str, str, str | None]) -> str:
        names = ("target_type", "target_id", "field_path")
        return marker(dict(zip(names, target, strict=True))).target

    assert (one == other) == (record(one) == record(other))
