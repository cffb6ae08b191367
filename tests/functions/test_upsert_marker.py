"""Markers that are set: ids of any form, bodies, and refusals."""

import pytest

from tests.support.event_messages import event
from tests.support.markers import PUT, Deploy

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


@pytest.mark.parametrize(
    "target_id",
    ["a/b/../c", "..", "__x__", "ключ 🎬", "a:b", "x" * 500, "%2F", "a\nb", " ", "0"],
    ids=ascii,
)
def test_any_id_is_a_target(deploy: Deploy, target_id: str) -> None:
    """Any id is passed on unchanged, also if it is no valid document name."""
    markers = deploy("upsert_markers")
    markers.automations(BY_PAYLOAD)
    payload = {"id": target_id, "color": "red"}

    assert markers.push(event(payload=payload)) == 200
    assert markers.push(event(payload=payload)) == 200

    assert markers.markers() == {target_id: "red"}
    assert markers.requests(PUT) == 1


def test_an_id_beyond_the_vendors_limit_is_rejected_by_the_vendor(
    deploy: Deploy,
) -> None:
    """An id longer than a document's name is tried. VideoVector's refusal is the reason."""
    markers = deploy("upsert_markers")
    markers.automations(BY_PAYLOAD)

    assert markers.push(event(payload={"id": "x" * 5_000, "color": "red"})) == 200

    (rejected,) = markers.published("rejected")
    assert rejected.attributes["code"] == "validation_refused"


def test_a_body_of_ones_own_has_its_effect(deploy: Deploy) -> None:
    """An automation with `body` sets a marker, and the record has the body."""
    markers = deploy("upsert_markers")
    markers.automations(BODY)

    assert markers.push(event(payload={"l": [[1], [{"a": "b"}]]})) == 200

    (shown,) = markers.standin.control.journal(ids=False)["markers"]
    assert (
        shown["color"],
        shown["note"],
        shown["field_path"],
    ) == ("blue", '<{"l":[[1],[{"a":"b"}]]}>', "a.b[0]")
    record = markers.record("marker:field:run_1:a.b[0]").fields
    assert record["desired"]["marker"]["color"] == "blue"


def test_a_marker_that_was_refused_gives_way_to_a_newer_one(
    deploy_embedded: Deploy,
) -> None:
    """A refusal of one event does not affect newer events of the target."""
    markers = deploy_embedded("upsert_markers")
    markers.automations(BY_PAYLOAD)

    assert markers.push(event("e1", 1, payload={"id": "r", "color": 5})) == 200
    assert markers.push(event("e2", 2, payload={"id": "r", "color": "red"})) == 200

    assert markers.markers() == {"r": "red"}
    assert len(markers.published("rejected")) == 1
