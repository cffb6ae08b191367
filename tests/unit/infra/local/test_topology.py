"""infra/topology.json: its references exist, and its values are within Google's limits."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.local.processes.functions import ROOT
from infra.local.topology import (
    FILE,
    LEAST_AT_ONCE,
    LOCAL_ATTEMPTS,
    Subscription,
    Topology,
    read_topology,
)
from main import HTTP, subscribers
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.filters import derive_filters
from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.errors import SettingsError

RAW: Mapping[str, Any] = json.loads(FILE.read_text())
TOPOLOGY = read_topology()
BY_NAME = {each.name: each for each in TOPOLOGY.subscriptions}


def test_each_entry_point_is_a_function_once() -> None:
    """The functions of the topology and the entry points of main.py are the same."""
    entry_points = [each["entry_point"] for each in RAW["functions"].values()]

    assert sorted(entry_points) == sorted({*HTTP, *subscribers()})


def test_every_referenced_topic_exists() -> None:
    """Subscriptions, dead-letter policies and publishers refer to topics of the topology."""
    referenced = {each.topic for each in TOPOLOGY.subscriptions}
    referenced |= {
        each.dead_letter_topic for each in TOPOLOGY.subscriptions if each.dead_letter_topic
    }
    referenced |= {topic for each in RAW["functions"].values() for topic in each["publishes"]}

    assert referenced <= set(TOPOLOGY.topics)


def test_every_referenced_function_exists() -> None:
    """Subscriptions and schedules refer to functions of the topology."""
    referenced = {each.function or each.reader for each in TOPOLOGY.subscriptions} - {""}
    referenced |= {each["function"] for each in RAW["schedules"].values()}

    assert referenced <= set(TOPOLOGY.functions)


def test_push_functions_have_a_subscription_and_an_action() -> None:
    """Each function with a push trigger has a subscription and an existing action."""
    pushed = {name: each for name, each in RAW["functions"].items() if each["trigger"] == "push"}

    assert {each.function for each in TOPOLOGY.subscriptions if each.function} == set(pushed)
    assert {each["action"]: each["entry_point"] for each in pushed.values()} == {
        name: action.entry_point for name, action in ACTIONS.items()
    }


def test_only_the_webhooks_function_is_public() -> None:
    """Only the function that verifies signatures accepts any caller."""
    public = {name: each for name, each in RAW["functions"].items() if each.get("public", False)}

    assert set(public) == {"receive-webhook"}
    assert public["receive-webhook"]["trigger"] == "http"
    assert public["receive-webhook"]["secrets"] == ["WEBHOOK_SECRETS"]


def test_the_public_function_may_only_publish() -> None:
    """Every delivery that it accepts fits into a message. Of the state it reads if it is paused."""
    receiver = RAW["functions"]["receive-webhook"]

    assert (receiver["publishes"], receiver["buckets"]) == (["events", "rejected"], [])
    assert receiver["state"] == "read"


def test_scheduled_functions_are_called_and_have_a_subscription_of_their_own() -> None:
    """A function with a schedule trigger has a schedule, and alone pulls its subscription."""
    scheduled = {name for name, each in RAW["functions"].items() if each["trigger"] == "schedule"}

    assert scheduled == {each["function"] for each in RAW["schedules"].values()} - {"drain"}
    assert {each.reader: each.name for each in TOPOLOGY.subscriptions if each.reader} == {
        name: name for name in scheduled
    }


def test_a_run_ends_before_its_messages_are_redelivered() -> None:
    """The lease of a message outlasts the function that pulled it, here and in the cloud."""
    for each in TOPOLOGY.subscriptions:
        if each.reader:
            resources = RAW["functions"][each.reader]["resources"]

            assert resources["timeout_seconds"] <= each.ack_deadline_seconds


def test_a_run_ends_before_the_next_one() -> None:
    """The scheduler waits longer than the function runs, and not until the next call."""
    for each in RAW["schedules"].values():
        resources = RAW["functions"][each["function"]]["resources"]

        assert resources["timeout_seconds"] <= each["attempt_deadline_seconds"]
        if each["function"] != "drain":
            assert each["attempt_deadline_seconds"] < each["every_seconds"]


@pytest.mark.parametrize("name", BY_NAME)
def test_values_are_within_the_limits_of_pubsub(name: str) -> None:
    """These are ack deadlines, backoff, attempts and filters."""
    raw = RAW["subscriptions"][name]
    retry = raw.get("retry_seconds", {"minimum": 10, "maximum": 600})

    assert 10 <= raw["ack_deadline_seconds"] <= 600
    assert 0 <= retry["minimum"] <= retry["maximum"] <= 600
    assert len(raw.get("filter", "").encode()) <= 256
    if "dead_letter" in raw:
        assert 5 <= raw["dead_letter"]["max_delivery_attempts"] <= 100


PUSHED = [name for name, each in BY_NAME.items() if each.function]


@pytest.mark.parametrize("name", PUSHED)
def test_redelivery_outlasts_an_outage_of_half_a_day(name: str) -> None:
    """The pauses before the last attempt double from the minimum to the maximum: 12 hours or more.

    https://cloud.google.com/pubsub/docs/handling-failures#exponential_backoff
    """
    raw = RAW["subscriptions"][name]
    shortest, longest = raw["retry_seconds"]["minimum"], raw["retry_seconds"]["maximum"]
    attempts = raw["dead_letter"]["max_delivery_attempts"]

    pauses = [min(longest, shortest * 2**number) for number in range(attempts - 1)]

    assert sum(pauses) >= 12 * 3_600


@pytest.mark.parametrize("name", PUSHED)
def test_a_dead_letter_takes_minutes_here(name: str) -> None:
    """The local clouds pause up to 10 seconds: with the attempts of the cloud, a quarter hour."""
    assert BY_NAME[name].max_delivery_attempts == LOCAL_ATTEMPTS


def test_dead_letters_are_kept() -> None:
    """Every push subscription has a dead-letter topic, and that has a pull subscription."""
    dead = {each.dead_letter_topic for each in TOPOLOGY.subscriptions if each.function}
    pulled = {each.topic for each in TOPOLOGY.subscriptions if not each.function}

    assert "" not in dead
    assert dead <= pulled


def test_filters_are_derived_from_the_shipped_automations() -> None:
    """`videovector-bridge automations filters --topology ... --write` writes them."""
    text = (ROOT / "functions" / "automations.toml").read_text(encoding="utf-8")
    needed = derive_filters(read_automations(text, "automations.toml"))
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
        (
            {"schedules": {"g": {"function": "g", "every_seconds": 60}}},
            "a schedule names the function 'g'; known: f",
        ),
    ],
)
def test_a_problem_of_a_topology_is_reported(
    tmp_path: Path, change: Mapping[str, Any], problem: str
) -> None:
    """The error is one sentence."""
    file = tmp_path / "topology.json"
    good = {
        "topics": {"t": {"retention": "60s"}},
        "functions": {"f": {"entry_point": "f"}},
        "subscriptions": {},
    }
    file.write_text(json.dumps({**good, **change}))

    with pytest.raises(SettingsError) as caught:
        read_topology(file)

    (sentence,) = caught.value.problems
    assert problem in sentence


def test_topics_may_be_renamed() -> None:
    """A new name replaces the old one everywhere in the topology."""
    subscription = Subscription("s", "events", "f", "", "", 60, "dead", 5)
    topology = Topology(
        {"events": 60.0, "dead": 60.0}, {"f": "f"}, {"f": {"A": "b"}}, {"f": {}}, (subscription,)
    )

    renamed = topology.renamed({"events": "mine", "dead": "lost"})

    assert renamed.topics == {"mine": 60.0, "lost": 60.0}
    assert (renamed.subscriptions[0].topic, renamed.subscriptions[0].dead_letter_topic) == (
        "mine",
        "lost",
    )


def test_push_subscriptions_take_the_filters_of_other_automations() -> None:
    """By the action of their function. Subscriptions that are pulled keep theirs."""
    filters = {action: f'attributes."ce-type" = "{action}"' for action in ACTIONS}

    changed = {each.name: each.filter for each in TOPOLOGY.with_filters(filters).subscriptions}

    assert changed["upsert-markers"] == filters["upsert_marker"]
    assert changed["run-searches"] == filters["search"]
    assert changed["reconcile"] == BY_NAME["reconcile"].filter


def test_a_function_gets_as_many_messages_as_it_handles() -> None:
    """One that handles one message at a time has several instances in the cloud."""
    assert TOPOLOGY.messages_at_once("snapshot-media") == 32
    assert TOPOLOGY.messages_at_once("store-previews") == LEAST_AT_ONCE
