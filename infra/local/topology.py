"""Reads `infra/topology.json`: topics, functions, subscriptions and schedules."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from videovector_bridge.errors import SettingsError

FILE = Path(__file__).resolve().parents[1] / "topology.json"

LEAST_AT_ONCE = 8
"""The messages that are pushed at once to a function whose instances handle one at a time."""

LOCAL_ATTEMPTS = 20
"""At most so many deliveries of a message here, where a person waits for its dead letter."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription; `function` is empty for a pull subscription.

    `reader` is the function that pulls it, or empty.
    """

    name: str
    topic: str
    function: str
    reader: str
    filter: str
    ack_deadline_seconds: int
    dead_letter_topic: str
    max_delivery_attempts: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often Cloud Scheduler calls a function in the cloud."""

    function: str
    every_seconds: float


@dataclass(frozen=True, slots=True)
class Topology:
    """Topic name -> seconds of retention, function name -> entry point, subscriptions, schedules.

    `environments` has function name -> fixed environment variables, `uses` function name -> what
    the function may use, as in the file.
    """

    topics: Mapping[str, float]
    functions: Mapping[str, str]
    environments: Mapping[str, Mapping[str, str]]
    uses: Mapping[str, Mapping[str, Any]]
    subscriptions: tuple[Subscription, ...]
    schedules: tuple[Schedule, ...] = ()

    def renamed(self, names: Mapping[str, str]) -> "Topology":
        """Return a copy whose topics have the names in `names` (old -> new)."""
        return Topology(
            {names.get(topic, topic): seconds for topic, seconds in self.topics.items()},
            self.functions,
            self.environments,
            self.uses,
            tuple(
                replace(
                    old,
                    topic=names.get(old.topic, old.topic),
                    dead_letter_topic=names.get(old.dead_letter_topic, old.dead_letter_topic),
                )
                for old in self.subscriptions
            ),
            self.schedules,
        )

    def with_filters(self, filters: Mapping[str, str]) -> "Topology":
        """Return a copy with these filters (action -> filter) of the push subscriptions."""
        subscriptions = tuple(
            replace(old, filter=filters[self.uses[old.function]["action"]]) if old.function else old
            for old in self.subscriptions
        )
        return replace(self, subscriptions=subscriptions)

    def messages_at_once(self, function: str) -> int:
        """Return how many messages are pushed to a function at once: as many as it handles.

        In the cloud, a function that handles one at a time has several instances.
        """
        return max(LEAST_AT_ONCE, int(self.uses[function]["resources"]["concurrency"]))


def read_topology(file: Path = FILE) -> Topology:
    """Read the topology. Raises `SettingsError` with every problem in it."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        topology = Topology(
            {
                name: float(topic["retention"].removesuffix("s"))
                for name, topic in content["topics"].items()
            },
            {name: function["entry_point"] for name, function in content["functions"].items()},
            {
                name: function.get("environment", {})
                for name, function in content["functions"].items()
            },
            content["functions"],
            tuple(
                _parse_subscription(name, fields)
                for name, fields in content["subscriptions"].items()
            ),
            tuple(
                Schedule(fields["function"], fields["every_seconds"])
                for fields in content.get("schedules", {}).values()
            ),
        )
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise SettingsError([f"{file} is no topology: {error}"]) from None
    except KeyError as error:
        raise SettingsError([f"{file} is no topology: {error} is missing"]) from None
    if problems := [f"{file}: {problem}" for problem in _find_unknown_names(topology)]:
        raise SettingsError(problems)
    return topology


def _find_unknown_names(topology: Topology) -> Iterator[str]:
    """Yield a problem for each unknown function or topic in subscriptions and schedules."""
    for schedule in topology.schedules:
        if schedule.function not in topology.functions:
            known = ", ".join(topology.functions)
            yield f"a schedule names the function {schedule.function!r}; known: {known}"
    for subscription in topology.subscriptions:
        for function in filter(None, (subscription.function, subscription.reader)):
            if function not in topology.functions:
                known = ", ".join(topology.functions)
                yield (
                    f"subscription {subscription.name!r} names the function {function!r}; "
                    f"known: {known}"
                )
        for topic in filter(None, (subscription.topic, subscription.dead_letter_topic)):
            if topic not in topology.topics:
                known = ", ".join(topology.topics)
                yield (
                    f"subscription {subscription.name!r} names the topic {topic!r}; known: {known}"
                )


def _parse_subscription(name: str, fields: Mapping[str, Any]) -> Subscription:
    dead_letter = fields.get("dead_letter", {})
    return Subscription(
        name,
        fields["topic"],
        fields.get("function", ""),
        fields.get("reader", ""),
        fields.get("filter", ""),
        fields["ack_deadline_seconds"],
        dead_letter.get("topic", ""),
        min(dead_letter.get("max_delivery_attempts", 0), LOCAL_ATTEMPTS),
    )
