"""A refused effect, from the function to `rejected`, by the command back to the function."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support.automations import coloring
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event
from tests.support.letters import LetterBox
from tests.support.markers import PUT
from videovector_bridge.backends.ports import Message
from videovector_bridge.events import REDRIVE_TO

REFUSED = {"on": PUT, "kind": "status", "status": 422, "code": "no_such_color", "times": None}


@pytest.fixture
def markers(deploy: Callable[[str], DeployedFunction]) -> DeployedFunction:
    """`upsert_markers` with two automations, over each backend in turn."""
    deployed = deploy("upsert_markers")
    deployed.automations(coloring("one", "run_a"), coloring("two", "run_b"))
    return deployed


def deliver(markers: DeployedFunction, messages: list[Message]) -> None:
    """Push messages of topic `events` to the function."""
    for message in messages:
        assert markers.post(message.data, message.attributes)[0] == 200


def colored(name: str, second: int, color: str) -> Mapping[str, object]:
    """An event that asks for a colour."""
    return event(name, second, payload={"color": color})


@pytest.mark.parametrize("to", ["", "upsert-markers"])
def test_a_refused_event_has_its_effects_after_the_redrive(
    markers: DeployedFunction, tmp_path: Path, to: str
) -> None:
    """Both automations rejected it; one copy is published. A second redrive has nothing to do."""
    box = LetterBox(markers.settings, tmp_path / "box")
    markers.standin.control.faults(REFUSED)
    markers.push(colored("evt_1", 1, "red"))
    assert markers.markers() == {}
    markers.standin.control.clear_faults()

    options = ("--to", to) if to else ()
    result = box.result("rejected", "redrive", "--all", *options)
    (copy,) = box.published(1)
    deliver(markers, [copy, copy])

    assert (result["selected"], result["published"], result["left"]) == (2, 1, 0)
    assert copy.attributes.get(REDRIVE_TO, "") == ("upsert_marker" if to else "")
    assert json.loads(copy.data)["event_id"] == "evt_1"
    assert markers.markers() == {"run_a": "red", "run_b": "red"}
    assert box.result("rejected", "redrive", "--all")["selected"] == 0


def test_an_event_that_is_refused_again_is_on_rejected_again(
    markers: DeployedFunction, tmp_path: Path
) -> None:
    """Nothing is lost if the cause is not corrected."""
    box = LetterBox(markers.settings, tmp_path / "box")
    markers.standin.control.faults(REFUSED)
    markers.push(colored("evt_1", 1, "red"))
    box.result("rejected", "redrive", "--all", "--to", "upsert-markers")

    deliver(markers, box.published(1))

    assert box.left("rejected") == ["evt_1", "evt_1"]
