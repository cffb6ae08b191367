"""Markers: the body that is sent, and the name of the record that keeps its target in order."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.subscribing import Deployed, event
from videovector_bridge.automate.action import MAX_STATE_BYTES, Cause, TargetState, checked_state
from videovector_bridge.automate.actions import markers
from videovector_bridge.automate.received import receive
from videovector_bridge.errors import PermanentError

BY_PAYLOAD = """
[[automation]]
name = "by payload"
on = ["*"]
[automation.upsert_marker]
target_type = "run"
target_id = "{event.payload.id}"
color = "{event.payload.color}"
"""
BODY = """
[[automation]]
name = "body"
on = ["*"]
[automation.upsert_marker.body]
target_type = "field"
target_id = "{event.run_id}"
field_path = "a.b[0]"
color = "blue"
note = "<{event.payload}>"
"""


def marker(fields: Mapping[str, Any]) -> TargetState:
    """The state that the action asks for; the event makes no difference."""
    received = receive(
        b"{}",
        event_id="e",
        source="//x",
        event_type="com.vectormethods.x",
        channel="stream",
        stated_time="2026-01-01T00:00:00Z",
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return checked_state(markers.UPSERT.target_state(fields, Cause("a", received)))


def test_the_body_holds_what_was_given() -> None:
    """Fields that came out as null are left out; the target names the record."""
    fields = {"target_type": "run", "target_id": "r1", "color": "red", "note": None}

    assert marker(fields) == (
        "marker:run:r1",
        {"marker": {"target_type": "run", "target_id": "r1", "color": "red"}},
        None,
    )


def test_a_field_has_a_target_of_its_own() -> None:
    """Markers on two fields of one thing are two targets."""
    fields = {"target_type": "field", "target_id": "p1", "field_path": "a.b"}

    assert marker(fields).target == "marker:field:p1:a.b"


def test_a_body_goes_as_it_is() -> None:
    """Keys that only the vendor knows are passed on; `target` says what they mark."""
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
    """What no record could hold is rejected, not redelivered for ever."""
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
    """No id or path can be chosen so that two targets share a record."""

    def record(target: tuple[str, str, str | None]) -> str:
        names = ("target_type", "target_id", "field_path")
        return marker(dict(zip(names, target, strict=True))).target

    assert (one == other) == (record(one) == record(other))


@pytest.mark.parametrize(
    "target_id",
    ["a/b/../c", "..", "__x__", "ключ 🎬", "a:b", "x" * 500, "%2F", "a\nb", " ", "0"],
    ids=ascii,
)
def test_any_id_is_a_target(deploy: Callable[[str], Deployed], target_id: str) -> None:
    """Ids arrive as they are, whatever the store may think of them as names."""
    markers = deploy("upsert_markers")
    markers.automations(BY_PAYLOAD)
    payload = {"id": target_id, "color": "red"}

    assert markers.push(event(payload=payload)) == 200
    assert markers.push(event(payload=payload)) == 200

    assert markers.markers() == {target_id: "red"}
    assert markers.requests("PUT /markers") == 1


def test_an_id_beyond_the_vendors_limit_is_rejected_by_the_vendor(
    deploy: Callable[[str], Deployed],
) -> None:
    """An id longer than a document's name is tried, and VideoVector's refusal is the reason."""
    markers = deploy("upsert_markers")
    markers.automations(BY_PAYLOAD)

    assert markers.push(event(payload={"id": "x" * 5_000, "color": "red"})) == 200

    (found,) = markers.published("rejected")
    assert found.attributes["code"] == "validation_refused"


def test_a_body_of_ones_own_has_its_effect(deploy: Callable[[str], Deployed]) -> None:
    """The form with a whole body marks, and its record holds the body."""
    markers = deploy("upsert_markers")
    markers.automations(BODY)

    assert markers.push(event(payload={"l": [[1], [{"a": "b"}]]})) == 200

    (found,) = markers.standin.control.journal(ids=False)["markers"]
    assert (
        found["color"],
        found["note"],
        found["field_path"],
    ) == ("blue", '<{"l":[[1],[{"a":"b"}]]}>', "a.b[0]")
    record = markers.record("marker:field:run_1:a.b[0]").fields
    assert record["desired"]["marker"]["color"] == "blue"


def test_a_marker_that_was_refused_gives_way_to_a_newer_one(
    deploy_embedded: Callable[[str], Deployed],
) -> None:
    """A refusal ends one event's effect, not the target's."""
    markers = deploy_embedded("upsert_markers")
    markers.automations(BY_PAYLOAD)

    assert markers.push(event("e1", 1, payload={"id": "r", "color": 5})) == 200
    assert markers.push(event("e2", 2, payload={"id": "r", "color": "red"})) == 200

    assert markers.markers() == {"r": "red"}
    assert len(markers.published("rejected")) == 1
