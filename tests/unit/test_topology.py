"""infra/topology.json: what it names exists, and its values are such as Google takes."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from infra.local.functions import ROOT
from infra.local.topology import FILE, Subscription, Topology, read_topology
from main import ENTRY_POINTS
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.events import TYPE_PREFIX

RAW: Mapping[str, Any] = json.loads(FILE.read_text())
TOPOLOGY = read_topology()
BY_NAME = {each.name: each for each in TOPOLOGY.subscriptions}
# Every type that the API's reference names, and the bridge's own.
TYPES = (
    "prompt_run.started",
    "prompt_run.completed",
    "prompt_run.failed",
    "prompt_run.partial_completed",
    "processing.run_started",
    "processing.run_failed",
    "processing.run_completed",
    "processing.run_completed_with_failures",
    "processing.video_completed",
    "processing.segment_failed",
    "media.processing.completed",
    "media.processing.failed",
    "search.match",
    "bridge.stream.gap",
)


def lets_through(filter_: str, attributes: Mapping[str, str]) -> bool:
    """Evaluate the part of Pub/Sub's filter language that the topology uses."""
    terms = {
        r'hasPrefix\(attributes\."([^"]+)", "([^"]*)"\)': lambda k, v: attributes.get(
            k, ""
        ).startswith(v),
        r'attributes\."([^"]+)" = "([^"]*)"': lambda k, v: attributes.get(k) == v,
        r'attributes:"([^"]+)"()': lambda k, _: k in attributes,
    }
    text = filter_
    for pattern, holds in terms.items():
        text = re.sub(pattern, lambda found, h=holds: str(h(*found.groups())), text)  # type: ignore[misc]
    assert re.fullmatch(r"(True|False|AND|OR|NOT|\(|\)|\s)*", text), f"not evaluated: {text}"
    # Pub/Sub has no precedence between AND and OR: it wants parentheses where both stand.
    return bool(eval(text.lower().replace("true", "True").replace("false", "False") or "True"))  # noqa: S307


def shipped_patterns(action: str) -> list[str]:
    """The globs of the shipped automations of one action."""
    file = ROOT / "functions" / "automations.toml"
    automations = tomllib.loads(file.read_text())["automation"]
    return [glob for each in automations if action in each for glob in each["on"]]


def test_each_entry_point_is_a_function_once() -> None:
    """The functions of the topology and the entry points of main.py are the same."""
    entry_points = [each["entry_point"] for each in RAW["functions"].values()]

    assert sorted(entry_points) == sorted(ENTRY_POINTS)


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
    assert {each["action"] for each in pushed.values()} <= set(ACTIONS)


def test_only_the_webhooks_function_is_public() -> None:
    """What verifies its callers itself is open to everybody, and nothing else is."""
    public = {name: each for name, each in RAW["functions"].items() if each.get("public", False)}

    assert set(public) == {"receive-webhook"}
    assert public["receive-webhook"]["trigger"] == "http"
    assert public["receive-webhook"]["secrets"] == ["WEBHOOK_SECRETS"]


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


@pytest.mark.parametrize("function", [s.function for s in TOPOLOGY.subscriptions if s.function])
def test_filter_lets_through_what_the_shipped_automations_ask_for(function: str) -> None:
    """No type that a shipped automation names is filtered away from the function that acts."""
    action = RAW["functions"][function]["action"]
    subscription = next(each for each in TOPOLOGY.subscriptions if each.function == function)
    names = [glob.replace("*", "x").replace("?", "x") for glob in shipped_patterns(action)]

    assert names
    for name in names:
        assert lets_through(subscription.filter, {"ce-type": TYPE_PREFIX + name}), name


@pytest.mark.parametrize("event_type", TYPES)
def test_markers_are_told_of_all_that_can_concern_a_run(event_type: str) -> None:
    """The filter for markers takes prompt and processing events, and nothing of other kinds."""
    wanted = event_type.startswith(("prompt_run.", "processing."))
    attributes = {"ce-type": TYPE_PREFIX + event_type}

    assert lets_through(BY_NAME["upsert-markers"].filter, attributes) is wanted


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ("", True),
        ('attributes."ce-type" = "a.b"', True),
        ('attributes."ce-type" = "a"', False),
        ('hasPrefix(attributes."ce-type", "a.")', True),
        ('NOT hasPrefix(attributes."ce-type", "a.")', False),
        ('attributes:"ce-type" AND NOT attributes:"other"', True),
        ('attributes."ce-type" = "x" OR (attributes:"ce-type" AND attributes:"other")', False),
    ],
)
def test_evaluator(filter_: str, *, expected: bool) -> None:
    """The evaluator of these tests does as Pub/Sub's reference says."""
    assert lets_through(filter_, {"ce-type": "a.b"}) is expected


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
