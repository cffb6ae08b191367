"""Deleted markers: `delete_markers` deletes the markers of `upsert_markers`; the newest wins."""

import pytest

from tests.support.automations import GONE, RED
from tests.support.event_messages import event
from tests.support.markers import DELETE, LIST, Deploy, MarkerFunctions, completed


def test_a_run_that_completes_loses_its_marker(deploy: Deploy) -> None:
    """One automation sets the marker, the other deletes it by the id from the upsert."""
    both = MarkerFunctions(deploy)
    assert both.push(event(), event("evt_2", 1, run_id="run_2")) == {"run_1": "red", "run_2": "red"}

    assert both.push(completed(), completed()) == {"run_2": "red"}
    assert both.deletes.requests(DELETE) == 1
    assert both.deletes.requests(LIST) == 0


def test_the_newest_event_wins_in_any_order(deploy: Deploy) -> None:
    """A late event about an older failure sets no marker."""
    both = MarkerFunctions(deploy)

    assert both.push(completed(), event()) == {}
    assert both.push(event("evt_10", 10)) == {"run_1": "red"}
    assert both.push(completed("evt_8", 8)) == {"run_1": "red"}


def test_nothing_to_delete_is_as_it_should_be(deploy: Deploy) -> None:
    """Without a marker on the target, nothing is deleted or rejected."""
    both = MarkerFunctions(deploy)

    assert both.push(completed()) == {}
    assert both.deletes.requests(DELETE) == 0
    assert both.deletes.published("rejected") == []


def test_a_marker_on_a_field_is_not_the_one_on_its_run(deploy_embedded: Deploy) -> None:
    """Only the marker on the target is deleted."""
    field = RED.replace('target_type = "run"', 'target_type = "field"\nfield_path = "a.b"')
    both = MarkerFunctions(deploy_embedded, field, RED.replace('"red"', '"on the run"'), GONE)
    both.push(event())
    upserted = both.upserts.standin.control.journal(ids=False)["markers"]
    assert sorted(one["field_path"] or "" for one in upserted) == ["", "a.b"]

    both.push(completed())

    (left,) = both.upserts.standin.control.journal(ids=False)["markers"]
    assert left["field_path"] == "a.b"


def test_a_marker_may_be_named_by_its_id(deploy_embedded: Deploy) -> None:
    """No list is read."""
    by_id = """
    [[automation]]
    name = "by id"
    on = ["prompt_run.completed"]
    [automation.delete_marker]
    marker_id = "{event.payload.marker_id}"
    target = "run:{event.run_id}"
    """
    both = MarkerFunctions(deploy_embedded, RED, by_id)
    both.push(event())
    (marker,) = both.upserts.standin.control.journal(ids=False)["markers"]

    assert both.push(completed(payload={"marker_id": marker["marker_id"]})) == {}
    assert both.deletes.requests(LIST) == 0


def test_a_key_that_may_not_delete_is_redelivered(deploy_embedded: Deploy) -> None:
    """The same message succeeds once the key has the scope."""
    both = MarkerFunctions(deploy_embedded)
    both.push(event())
    both.deletes.set("VIDEO_VECTOR_API_KEY", both.deletes.standin.keys["write"])
    assert both.deletes.push(completed()) == 503

    both.deletes.set("VIDEO_VECTOR_API_KEY", both.deletes.standin.keys["admin"])
    assert both.deletes.push(completed()) == 200
    assert both.deletes.markers() == {}


@pytest.mark.parametrize(
    "fields",
    [
        'target_type = "run"\ntarget_id = "{event.payload.empty}"',
        'target = "x"\nmatch = { target_id = "{event.payload.empty}" }',
        'target = "{event.payload.empty}"\nmarker_id = "m1"',
    ],
)
def test_a_deletion_without_a_target_is_rejected(deploy_embedded: Deploy, fields: str) -> None:
    """An empty target never means all markers."""
    deletes = deploy_embedded("delete_markers")
    deletes.automations(
        f'[[automation]]\nname = "a"\non = ["*"]\n[automation.delete_marker]\n{fields}\n'
    )

    assert deletes.push(event(payload={"empty": ""})) == 200

    (rejected,) = deletes.published("rejected")
    assert (rejected.attributes["reason"], rejected.attributes["code"]) == ("user", "no_target")


def test_of_a_setting_and_a_deletion_on_one_event_the_first_wins(deploy: Deploy) -> None:
    """The order of the functions does not matter."""
    gone = GONE.replace("prompt_run.completed", "prompt_run.*")
    both = MarkerFunctions(deploy, RED, gone)

    assert both.deletes.push(event()) == 200
    assert both.push(event()) == {"run_1": "red"}

    both.deletes.automations(gone, RED)
    assert both.upserts.push(event("evt_2", 2)) == 200
    assert both.push(event("evt_2", 2)) == {}
