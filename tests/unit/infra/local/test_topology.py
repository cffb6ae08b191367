"""infra/topology.json: what it names exists, and its values are such as Google takes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.local.processes.functions import ROOT
from infra.local.topology import FILE, Subscription, Topology, read_topology
from main import INGEST, subscribers
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.filters import filters
from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.errors import SettingsError

RAW: Mapping[str, Any] = json.loads(FILE.read_text())
TOPOLOGY = read_topology()
BY_NAME = {each.name: each for each in TOPOLOGY.subscriptions}


def test_each_entry_point_is_a_function_once() -> None:
    """The functions of the topology and the entry points of main.py are the same."""
    entry_points = [each["entry_point"] for each in RAW["functions"].values()]

    assert sorted(entry_points) == sorted({*INGEST, *subscribers()})


def test_every_topic_that_is_named_exists() -> None:
    """Subscriptions, dead letters and publishers name topics of the topology."""
    named = {each.topic for each in TOPOLOGY.subscriptions}
    named |= {each.dead_letter_topic for each in TOPOLOGY.subscriptions if each.dead_letter_topic}
    named |= {topic for each in RAW["functions"].values() for topic in each["publishes"]}

    assert named <= set(TOPOLOGY.topics)


def test_every_function_that_is_named_exists() -> None:
    """Subscriptions and schedules name functions of the topology."""
    named = {each.function for each in TOPOLOGY.subscriptions if each.function}
    named |= {each["function"] for each in RAW["schedules"].values()}

    assert named <= set(TOPOLOGY.functions)


def test_push_functions_have_a_subscription_and_an_action() -> None:
    """A function that is triggered by push is pushed to, and carries out an action there is."""
    pushed = {name: each for name, each in RAW["functions"].items() if each["trigger"] == "push"}

    assert {each.function for each in TOPOLOGY.subscriptions if each.function} == set(pushed)
    assert {each["action"]: each["entry_point"] for each in pushed.values()} == {
        name: action.entry_point for name, action in ACTIONS.items()
    }


def test_only_the_webhooks_function_is_public() -> None:
    """What verifies its callers itself is open to everybody, and nothing else is."""
    public = {name: each for name, each in RAW["functions"].items() if each.get("public", False)}

    assert set(public) == {"receive-webhook"}
    assert public["receive-webhook"]["trigger"] == "http"
    assert public["receive-webhook"]["secrets"] == ["WEBHOOK_SECRETS"]


def test_the_public_function_may_do_no_more_than_publish() -> None:
    """Every delivery that it accepts fits a message, so it stores none; it has no state."""
    receiver = RAW["functions"]["receive-webhook"]

    assert (receiver["publishes"], receiver["buckets"]) == (["events", "rejected"], [])
    assert not receiver["state"]


@pytest.mark.parametrize("name", BY_NAME)
def test_values_are_within_the_limits_of_pubsub(name: str) -> None:
    """Acknowledgement deadlines, retry pauses, attempts and filters are such as Pub/Sub takes."""
    raw = RAW["subscriptions"][name]
    retry = raw.get("retry_seconds", {"minimum": 10, "maximum": 600})

    assert 10 <= raw["ack_deadline_seconds"] <= 600
    assert 0 <= retry["minimum"] <= retry["maximum"] <= 600
    assert len(raw.get("filter", "").encode()) <= 256
    if "dead_letter" in raw:
        assert 5 <= raw["dead_letter"]["max_delivery_attempts"] <= 100


def test_what_is_given_up_on_is_kept() -> None:
    """Every push has a dead letter topic, and each of those a subscription that holds on to it."""
    dead = {each.dead_letter_topic for each in TOPOLOGY.subscriptions if each.function}
    pulled = {each.topic for each in TOPOLOGY.subscriptions if not each.function}

    assert "" not in dead
    assert dead <= pulled


def test_filters_are_those_that_the_shipped_automations_need() -> None:
    """`videovector-bridge automations filters --topology ... --write` made them."""
    text = (ROOT / "functions" / "automations.toml").read_text(encoding="utf-8")
    needed = filters(read_automations(text, "automations.toml"))
    by_function = {each.function: each.filter for each in TOPOLOGY.subscriptions if each.function}

    assert by_function == {
        name: needed[each["action"]] for name, each in RAW["functions"].items() if "action" in each
    }


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"functions": []}, "is no topology: 'list' object has no attribute 'items'"),
        ({"functions": {"f": {}}}, "is no topology: 'entry_point' is missing"),
        ({"subscriptions": {"s": {"topic": "t"}}}, "is no topology: 'ack_deadline_seconds' is mis"),
        (
            {"subscriptions": {"s": {"topic": "t", "ack_deadline_seconds": 9, "function": "g"}}},
            "subscription 's' names the function 'g'; known: f",
        ),
        (
            {"subscriptions": {"s": {"topic": "u", "ack_deadline_seconds": 9}}},
            "subscription 's' names the topic 'u'; known: t",
        ),
    ],
)
def test_what_a_topology_lacks_is_named(
    tmp_path: Path, change: Mapping[str, Any], problem: str
) -> None:
    """In one sentence; the local stack does not start."""
    file = tmp_path / "topology.json"
    good = {"topics": {"t": {}}, "functions": {"f": {"entry_point": "f"}}, "subscriptions": {}}
    file.write_text(json.dumps({**good, **change}))

    with pytest.raises(SettingsError) as caught:
        read_topology(file)

    (found,) = caught.value.problems
    assert problem in found


def test_topics_may_be_renamed() -> None:
    """Another name for a topic takes its place wherever the topic stands."""
    subscription = Subscription("s", "events", "f", "", 60, "dead", 5)
    topology = Topology(("events", "dead"), {"f": "f"}, {"f": {"A": "b"}}, (subscription,))

    renamed = topology.renamed({"events": "mine", "dead": "lost"})

    assert renamed.topics == ("mine", "lost")
    assert (renamed.subscriptions[0].topic, renamed.subscriptions[0].dead_letter_topic) == (
        "mine",
        "lost",
    )
