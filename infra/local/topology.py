"""What runs where, as `infra/topology.json` says."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "topology.json"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription; `function` is empty where people pull, or nobody does."""

    name: str
    topic: str
    function: str
    filter: str
    ack_deadline_seconds: int
    dead_letter_topic: str
    max_delivery_attempts: int


@dataclass(frozen=True, slots=True)
class Topology:
    """Topics, functions by name with their entry points, and subscriptions.

    `environments` has the variables that a function is always to find, by its name.
    """

    topics: tuple[str, ...]
    functions: Mapping[str, str]
    environments: Mapping[str, Mapping[str, str]]
    subscriptions: tuple[Subscription, ...]

    def renamed(self, names: Mapping[str, str]) -> "Topology":
        """The same with topics of other names, where `names` has one."""
        return Topology(
            tuple(names.get(topic, topic) for topic in self.topics),
            self.functions,
            self.environments,
            tuple(
                replace(
                    each,
                    topic=names.get(each.topic, each.topic),
                    dead_letter_topic=names.get(each.dead_letter_topic, each.dead_letter_topic),
                )
                for each in self.subscriptions
            ),
        )


def read_topology(file: Path = FILE) -> Topology:
    """Read the topology. KeyError when something named in it is missing."""
    found = json.loads(file.read_text(encoding="utf-8"))
    return Topology(
        tuple(found["topics"]),
        {name: function["entry_point"] for name, function in found["functions"].items()},
        {name: function.get("environment", {}) for name, function in found["functions"].items()},
        tuple(_subscription(name, each) for name, each in found["subscriptions"].items()),
    )


def _subscription(name: str, found: Mapping[str, Any]) -> Subscription:
    dead_letter = found.get("dead_letter", {})
    return Subscription(
        name,
        found["topic"],
        found.get("function", ""),
        found.get("filter", ""),
        found["ack_deadline_seconds"],
        dead_letter.get("topic", ""),
        dead_letter.get("max_delivery_attempts", 0),
    )
