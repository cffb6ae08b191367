"""Outcomes of effects at the edge: refusals, their reports and redrives, and automations apart."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.automations import coloring
from tests.support.contexts import with_api, with_topics
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event, message_of, nested
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import BackendError

PUT = "PUT /markers"
REFUSED = {"on": PUT, "kind": "status", "status": 422, "code": "no_such_color"}
Deploy = Callable[[str], DeployedFunction]


def colored(name: str, second: int, color: str) -> dict[str, Any]:
    """An event that asks for a colour."""
    return event(name, second, payload={"color": color})


@pytest.fixture
def markers(deploy: Deploy) -> DeployedFunction:
    """`upsert_markers` over each backend in turn."""
    deployed = deploy("upsert_markers")
    deployed.automations(coloring("color"))
    return deployed


def rejections(deployed: DeployedFunction) -> list[Message]:
    """The messages on `rejected`."""
    return deployed.published("rejected")


def test_a_refusal_whose_report_fails_is_reported_at_redelivery(markers: DeployedFunction) -> None:
    """The event stays pending until it is on `rejected`. No second request is sent."""
    markers.standin.control.faults(REFUSED)

    def failing(*_: object) -> None:
        raise BackendError("the topic is out of reach")

    with markers.changed(with_topics(failing)):
        assert markers.push(colored("evt_1", 1, "red")) == 503
    assert len(markers.record("marker:run:run_1").fields["pending"]) == 1

    assert markers.push(colored("evt_1", 1, "red")) == 200

    (rejected,) = rejections(markers)
    assert (rejected.attributes["code"], rejected.attributes["event-id"]) == (
        "validation_refused",
        "evt_1",
    )
    assert markers.requests(PUT) == 1
    record = markers.record("marker:run:run_1").fields
    assert record["pending"] == {}
    (refusal,) = record["refused"].values()
    assert (refusal["code"], refusal["reported"]) == ("validation_refused", True)


def test_a_rejected_message_that_is_redriven_is_applied(markers: DeployedFunction) -> None:
    """A redrive repeats the attempt."""
    markers.standin.control.faults(REFUSED)
    assert markers.push(colored("evt_1", 1, "red")) == 200
    (rejected,) = rejections(markers)

    assert markers.redrive(rejected) == 200

    assert markers.markers() == {"run_1": "red"}
    assert markers.record("marker:run:run_1").fields["refused"] == {}
    assert len(rejections(markers)) == 1


def test_a_refused_newest_event_hides_no_older_one(markers: DeployedFunction) -> None:
    """An older event that arrives after a refused one is applied."""
    markers.standin.control.faults(REFUSED)
    assert markers.push(colored("evt_2", 2, "blue")) == 200

    assert markers.push(colored("evt_1", 1, "red")) == 200

    assert markers.markers() == {"run_1": "red"}


def test_a_redriven_event_does_not_undo_a_newer_one(markers: DeployedFunction) -> None:
    """A newer event may be accepted before the redrive."""
    markers.standin.control.faults(REFUSED)
    markers.push(colored("evt_1", 1, "red"))
    markers.push(colored("evt_2", 2, "blue"))
    (rejected,) = rejections(markers)

    assert markers.redrive(rejected) == 200

    assert markers.markers() == {"run_1": "blue"}


def test_a_failing_automation_does_not_stop_the_others(markers: DeployedFunction) -> None:
    """After a transient failure of one automation, the others are done in the same delivery."""
    markers.automations(coloring("one", "run_a"), coloring("two", "run_b"))
    markers.standin.control.faults({"on": PUT, "kind": "status", "status": 401})

    assert markers.push(colored("evt_1", 1, "red")) == 503
    assert "run_b" in markers.markers()

    assert markers.push(colored("evt_1", 1, "red")) == 200
    assert markers.markers() == {"run_a": "red", "run_b": "red"}


def test_a_bug_in_one_automation_does_not_stop_the_others(markers: DeployedFunction) -> None:
    """After the others are done, the response is 500."""
    markers.automations(coloring("one", "run_a"), coloring("two", "run_b"))

    def crashing(api: VideoVectorClient, body: Mapping[str, Any]) -> Any:
        if body["target_id"] == "run_a":
            raise ZeroDivisionError
        return api.upsert_marker(body)

    markers.change(with_api(upsert_marker=crashing))

    assert markers.push(colored("evt_1", 1, "red")) == 500

    assert markers.markers() == {"run_b": "red"}


def test_an_event_from_the_future_is_rejected_and_blocks_nothing(markers: DeployedFunction) -> None:
    """A wrong clock must not make an event the newest for years."""
    ahead = (datetime.now(UTC) + timedelta(days=400)).isoformat()

    assert markers.push({**colored("evt_9", 1, "blue"), "created_at": ahead}) == 200
    assert markers.push(colored("evt_1", 1, "red")) == 200

    (rejected,) = rejections(markers)
    assert rejected.attributes["code"] == "future_time"
    assert markers.markers() == {"run_1": "red"}


def test_events_of_two_sources_may_have_one_id(markers: DeployedFunction) -> None:
    """The identity of an event is its source and its id."""
    first = message_of(colored("evt_1", 1, "red"))
    other = message_of(event("evt_1", 1, run_id="run_1", payload={"color": "blue"}))
    attributes = {**other.attributes, "ce-source": "//127.0.0.1/webhooks/wh_1"}

    assert markers.post(first.data, first.attributes)[0] == 200
    assert markers.post(other.data, attributes)[0] == 200

    assert markers.requests(PUT) == 2
    assert markers.markers() == {"run_1": "blue"}  # of the same time and id, the later source


def test_the_record_keeps_what_was_accepted(markers: DeployedFunction) -> None:
    """The record has the accepted state, its version, and the id of the marker."""
    markers.push(colored("evt_1", 1, "red"))
    markers.standin.control.faults(REFUSED)
    markers.push(colored("evt_2", 2, "blue"))

    fields = markers.record("marker:run:run_1").fields
    (marker,) = markers.standin.control.journal(ids=False)["markers"]
    assert fields["accepted_version"]["event_id"] == fields["event_id"] == "evt_1"
    assert fields["accepted"]["marker"]["color"] == "red"
    assert fields["marker_id"] == marker["marker_id"]
    assert json.dumps(fields)  # JSON, as every document is


def test_a_state_that_no_record_holds_is_rejected_before_it_is_applied(
    markers: DeployedFunction,
) -> None:
    """A redelivery would fail in the same way."""
    body = 'target = "x"\nbody.a.b.c.d.e.f.g = "{event.payload.deep}"'
    markers.automations(coloring("deep").partition("target_type")[0] + body)

    assert markers.push(event(payload={"deep": nested(15)})) == 200

    (rejected,) = rejections(markers)
    assert rejected.attributes["code"] == "document_too_deep"
    assert markers.requests(PUT) == 0
