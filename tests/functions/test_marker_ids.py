"""The marker that is deleted: by its recorded id, else by the list; only the bridge's own."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.automations import GONE, RED
from tests.support.contexts import Change, with_api, with_list_lock
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event
from tests.support.markers import DELETE, LIST, PUT, Deploy, MarkerFunctions, completed
from tests.support.webhooks import delivery
from videovector_bridge.api.models import Marker
from videovector_bridge.automate.actions.markers import TARGET_KEYS

BY_MATCH = """
[[automation]]
name = "by match"
on = ["prompt_run.completed"]
[automation.delete_marker]
target = "run:{event.run_id}"
match = MATCH
"""


def with_listed(change: Callable[[Marker], Marker]) -> Change:
    """Change the markers that VideoVector lists."""
    return with_api(list_markers=lambda api: map(change, api.list_markers()))


def without_target(marker: Marker) -> Marker:
    """A marker as VideoVector's SDK knows it."""
    fields = {key: value for key, value in marker.fields.items() if key not in TARGET_KEYS}
    return replace(marker, fields=fields)


def colors(deployed: DeployedFunction) -> list[str | None]:
    """The colours of all markers in the stand-in."""
    return [marker.color for marker in deployed.standin.state.markers.all()]


def put_by_hand(deployed: DeployedFunction, target_id: str, color: str) -> str:
    """Set a marker on a run as another client does. Returns its id."""
    state = deployed.standin.state
    marker = state.markers.put(("run", target_id, None), color, None, state.next_timestamp())
    return marker.marker_id


def rejected_code(deployed: DeployedFunction) -> tuple[str, str]:
    """Owner and code of the only rejected message."""
    (message,) = deployed.published("rejected")
    return message.attributes["reason"], message.attributes["code"]


def test_the_remembered_id_needs_no_list(deploy_embedded: Deploy) -> None:
    """The id from the upsert is enough, even if the list shows no targets."""
    both = MarkerFunctions(deploy_embedded)
    both.deletes.change(with_listed(without_target))
    both.upserts.push(event())
    put_by_hand(both.upserts, "run_2", "red")

    assert both.deletes.push(completed()) == 200

    assert colors(both.deletes) == ["red"]
    assert (both.deletes.requests(LIST), both.deletes.requests(DELETE)) == (0, 1)
    assert both.deletes.published("rejected") == []


def test_without_an_id_the_list_is_read(deploy_embedded: Deploy) -> None:
    """Only the marker on the automation's target is deleted."""
    both = MarkerFunctions(deploy_embedded)
    both.lose_the_response()
    put_by_hand(both.upserts, "run_2", "red")

    assert both.deletes.push(completed()) == 200

    assert both.deletes.markers() == {"run_2": "red"}
    assert both.deletes.requests(LIST) == 1


def test_a_list_that_shows_no_target_is_the_users_to_correct(deploy_embedded: Deploy) -> None:
    """No marker of another client is deleted. The rejection has a hint."""
    both = MarkerFunctions(deploy_embedded)
    both.deletes.change(with_listed(without_target))
    both.lose_the_response()

    assert both.deletes.push(completed()) == 200

    assert rejected_code(both.deletes) == ("user", "marker_not_told")
    (message,) = both.deletes.published("rejected")
    assert "`match`" in message.attributes["detail"]
    assert both.deletes.requests(DELETE) == 0


def test_a_deletion_that_was_rejected_succeeds_when_the_id_is_known(
    deploy_embedded: Deploy,
) -> None:
    """The redelivered upsert records the id. The redriven deletion uses it."""
    both = MarkerFunctions(deploy_embedded)
    both.deletes.change(with_listed(without_target))
    both.lose_the_response()
    (until,) = both.upserts.record("marker:run:run_1").fields["pending"].values()
    both.deletes.push(completed())
    both.upserts.set_clock(until)

    assert both.upserts.push(event()) == 200
    assert both.deletes.push(completed()) == 200

    assert colors(both.deletes) == []
    assert len(both.deletes.published("rejected")) == 1


@pytest.mark.parametrize("lands_late", [False, True])
def test_an_upsert_without_response_leaves_no_marker_after_a_newer_deletion(
    deploy: Deploy, *, lands_late: bool
) -> None:
    """Its redelivery deletes the marker that its first request may have set later."""
    both = MarkerFunctions(deploy)
    both.lose_the_response()
    (until,) = both.upserts.record("marker:run:run_1").fields["pending"].values()

    assert both.deletes.push(completed()) == 200
    assert both.deletes.markers() == {}
    if lands_late:
        put_by_hand(both.upserts, "run_1", "red")
    both.upserts.set_clock(until)
    assert both.upserts.push(event()) == 200

    assert both.deletes.markers() == {}
    assert both.deletes.record("marker:run:run_1").fields["pending"] == {}


@pytest.mark.parametrize("way", ["target", "match", "marker_id"])
def test_a_marker_of_others_stays(deploy_embedded: Deploy, way: str) -> None:
    """If this bridge set no marker, no request is sent. With `any = true` it is deleted."""
    both = MarkerFunctions(deploy_embedded)
    marker_id = put_by_hand(both.deletes, "run_1", "blue")
    automation = {
        "target": GONE,
        "match": BY_MATCH.replace("MATCH", '{ target_id = "run_1" }'),
        "marker_id": BY_MATCH.replace("match = MATCH", f'marker_id = "{marker_id}"'),
    }[way]
    both.deletes.automations(RED, automation)

    assert both.deletes.push(completed()) == 200
    assert both.deletes.markers() == {"run_1": "blue"}
    assert both.deletes.requests(LIST) == both.deletes.requests(DELETE) == 0

    both.deletes.automations(RED, automation + "any = true\n")
    assert both.deletes.push(completed("evt_10", 10)) == 200
    assert both.deletes.markers() == {}


@pytest.mark.parametrize("known", [True, False], ids=["our id is known", "it is not"])
def test_the_id_of_another_marker_is_refused(deploy_embedded: Deploy, *, known: bool) -> None:
    """An id in the event that is not the id that this bridge set deletes nothing."""
    by_id = BY_MATCH.replace("match = MATCH", 'marker_id = "{event.payload.id}"')
    both = MarkerFunctions(deploy_embedded, RED, by_id)
    if known:
        both.upserts.push(event())
    else:
        both.lose_the_response()
    other = completed(payload={"id": put_by_hand(both.deletes, "run_2", "blue")})

    assert both.deletes.push(other) == 200
    assert both.deletes.markers() == {"run_1": "red", "run_2": "blue"}
    assert rejected_code(both.deletes) == ("user", "marker_not_ours")
    assert "any = true" in both.deletes.published("rejected")[0].attributes["detail"]

    both.deletes.automations(RED, by_id + "any = true\n")
    assert both.deletes.push(other) == 200
    assert both.deletes.markers() == {"run_1": "red"}


def test_a_second_deletion_asks_nothing(deploy: Deploy) -> None:
    """The same change on the other channel is a separate event, with nothing to do."""
    both = MarkerFunctions(deploy)
    both.push(event(), completed())
    before = {name: both.deletes.requests(name) for name in (PUT, LIST, DELETE)}

    body = delivery("dlv_1", 10, event="prompt_run.completed", data={"run_id": "run_1"})
    assert both.deletes.push_delivery(body) == 200

    assert {name: both.deletes.requests(name) for name in before} == before
    assert both.deletes.published("rejected") == []


def test_the_list_may_be_compared_by_other_keys(deploy_embedded: Deploy) -> None:
    """If VideoVector lists other keys, `match` selects by them."""
    automation = BY_MATCH.replace("MATCH", '{ color = "red" }')
    both = MarkerFunctions(deploy_embedded, RED, automation)
    both.deletes.change(with_listed(without_target))
    both.lose_the_response()
    put_by_hand(both.deletes, "run_2", "blue")

    assert both.deletes.push(completed()) == 200

    assert colors(both.deletes) == ["blue"]


def test_of_several_markers_that_match_none_is_deleted(deploy_embedded: Deploy) -> None:
    """At most one of them is from this bridge. `any = true` deletes them all."""
    automation = BY_MATCH.replace("MATCH", '{ color = "red" }')
    both = MarkerFunctions(deploy_embedded, RED, automation)
    both.deletes.change(with_listed(without_target))
    both.lose_the_response()
    put_by_hand(both.deletes, "run_2", "red")

    assert both.deletes.push(completed()) == 200
    assert colors(both.deletes) == ["red", "red"]
    assert rejected_code(both.deletes) == ("user", "marker_not_told")

    both.deletes.automations(RED, automation + "any = true\n")
    assert both.deletes.push(completed("evt_10", 10)) == 200
    assert colors(both.deletes) == []


@pytest.mark.parametrize("any_too", [False, True])
def test_a_marker_that_replaced_ours_by_hand_stays(
    deploy_embedded: Deploy, monkeypatch: pytest.MonkeyPatch, *, any_too: bool
) -> None:
    """The recorded id is gone, so the marker is another client's. `any` deletes it."""
    both = MarkerFunctions(deploy_embedded, RED, GONE + "any = true\n" * any_too)
    both.upserts.push(event())
    (ours,) = both.deletes.standin.state.markers.all()
    both.deletes.standin.state.markers.delete(ours.marker_id)
    monkeypatch.setattr("infra.standin.library.markers.digest", lambda *_: "by_hand")
    put_by_hand(both.deletes, "run_1", "blue")

    assert both.deletes.push(completed()) == 200

    assert both.deletes.markers() == ({} if any_too else {"run_1": "blue"})


def test_a_match_without_an_id_is_no_silent_end(deploy_embedded: Deploy) -> None:
    """A marker that is listed without an id cannot be deleted, and the event is rejected."""
    both = MarkerFunctions(deploy_embedded)
    both.lose_the_response()
    both.deletes.change(with_listed(lambda marker: replace(marker, marker_id=None)))

    assert both.deletes.push(completed()) == 200

    assert rejected_code(both.deletes) == ("user", "marker_not_told")
    assert colors(both.deletes) == ["red"]


def test_one_list_is_read_at_a_time(deploy_embedded: Deploy) -> None:
    """Lists may be large. While another message reads one, a deletion is redelivered."""
    both = MarkerFunctions(deploy_embedded)
    both.lose_the_response()
    both.deletes.change(with_list_lock(wait_seconds=0.0))

    with both.deletes.context.list_lock.acquired():
        assert both.deletes.push(completed()) == 503
    assert both.deletes.requests(LIST) == 0

    assert both.deletes.push(completed()) == 200
    assert colors(both.deletes) == []
