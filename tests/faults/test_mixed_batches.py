"""Several effects of one event, of which some fail: over both backends, with HTTP and stores."""

from collections import Counter

import pytest

from tests.support.automations import coloring
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event, message_of
from tests.support.markers import PUT, Deploy

TARGETS = ("run_a", "run_b", "run_c", "run_d")
EVENT = event("evt_1", 1, payload={"color": "red"})


@pytest.fixture
def markers(deploy: Deploy) -> DeployedFunction:
    """`upsert_markers` over each backend in turn, with four automations on the same events."""
    deployed = deploy("upsert_markers")
    deployed.set("API_TIMEOUT_SECONDS", "5")
    deployed.automations(*(coloring(f"mark {target}", target) for target in TARGETS))
    return deployed


def set_status(deployed: DeployedFunction, target: str, status: int) -> None:
    """Let VideoVector return this status to every request about a target."""
    deployed.standin.control.faults(
        {"on": PUT, "kind": "status", "status": status, "times": None, "containing": target}
    )


def test_a_target_that_is_down_for_ever_delays_no_other(markers: DeployedFunction) -> None:
    """The first delivery does all other effects. Redeliveries repeat only that one."""
    set_status(markers, "run_b", 503)
    done = {target: "red" for target in TARGETS if target != "run_b"}

    assert markers.push(EVENT) == 503
    assert markers.markers() == done

    records = {target: markers.record(f"marker:run:{target}").revision for target in done}
    for _ in range(3):
        assert markers.push(EVENT) == 503
    assert records == {target: markers.record(f"marker:run:{target}").revision for target in done}
    assert markers.published("rejected") == []

    markers.standin.control.clear_faults()
    assert markers.push(EVENT) == 200
    assert markers.markers() == dict.fromkeys(TARGETS, "red")


def test_refused_and_failing_effects_of_one_event_have_outcomes_of_their_own(
    markers: DeployedFunction,
) -> None:
    """The first delivery reports the refusal. Its redrive does not wait for the others."""
    set_status(markers, "run_a", 422)
    set_status(markers, "run_c", 503)

    assert markers.push(EVENT) == 503

    assert markers.markers() == {"run_b": "red", "run_d": "red"}
    (rejected,) = markers.published("rejected")
    assert rejected.attributes["automation"] == "mark run_a"
    assert (rejected.attributes["ce-id"], rejected.data) == ("evt_1", message_of(EVENT).data)

    markers.standin.control.clear_faults()
    set_status(markers, "run_c", 503)
    assert markers.redrive(rejected) == 503
    assert markers.markers() == {"run_a": "red", "run_b": "red", "run_d": "red"}

    markers.standin.control.clear_faults()
    assert markers.push(EVENT) == 200
    assert markers.markers() == dict.fromkeys(TARGETS, "red")
    assert len(markers.published("rejected")) == 1


def test_events_of_one_id_and_two_sources_have_effects_apart(markers: DeployedFunction) -> None:
    """Webhook and stream report the same change. Each has its own refusal."""
    first = message_of(EVENT)
    second = message_of({**EVENT, "payload": {"color": "blue"}})
    webhook = {**second.attributes, "ce-source": "//127.0.0.1/webhooks/wh_1"}
    set_status(markers, "blue", 422)

    assert markers.post(second.data, webhook)[0] == 200
    assert markers.post(first.data, first.attributes)[0] == 200

    assert markers.markers() == dict.fromkeys(TARGETS, "red")
    rejected = markers.published("rejected")
    sources = Counter(each.attributes["ce-source"] for each in rejected)
    assert sources == {webhook["ce-source"]: len(TARGETS)}

    markers.standin.control.clear_faults()
    assert markers.redrive(rejected[0]) == 200
    assert markers.markers() == dict.fromkeys(TARGETS, "blue")
