"""The system as a Mermaid flowchart, generated from the topology."""

from collections.abc import Iterator, Mapping
from typing import Any

Edge = tuple[str, str, str]
"""From, arrow, to."""

_GROUPS = {"ingest": "http", "watch": "schedule", "subscribers": "push"}
"""Group of functions -> their trigger."""
_ACCESS = {"read": "-. reads .->", "write": "-. writes .->"}


def draw_picture(topology: Mapping[str, Any]) -> str:
    """Return a flowchart of the functions in groups, and of what they call, read and write.

    An arrow that every function of a group has is drawn once, at the group.
    """
    functions = topology["functions"]
    groups = {
        group: [name for name, function in functions.items() if function["trigger"] == trigger]
        for group, trigger in _GROUPS.items()
    }
    edges = [
        edge
        for group, names in groups.items()
        for edge in _merge(group, {name: list(_edges(topology, name)) for name in names})
    ]
    lines = ["flowchart LR", "  vv[VideoVector]", "  clock([Cloud Scheduler])"]
    for group, names in groups.items():
        lines += [f"  subgraph {group}", *(f"    {_id(name)}[{name}]" for name in names), "  end"]
    lines += [f"  {_topic(name)}{{{{{name}}}}}" for name in topology["topics"]]
    lines += ["  firestore[(Firestore)]"]
    lines += [f"  {bucket}[(bucket {bucket})]" for bucket in _buckets(topology)]
    lines += ["  people[/you/]"]
    lines += [f"  {start} {arrow} {end}" for start, arrow, end in dict.fromkeys(edges)]
    lines += [f"  {start} {arrow} {end}" for start, arrow, end in _consumers(topology)]
    return "\n".join(lines)


def _edges(topology: Mapping[str, Any], name: str) -> Iterator[Edge]:
    """Yield a function's arrows, with "" for the function itself."""
    function = topology["functions"][name]
    for schedule in topology["schedules"].values():
        if schedule["function"] == name:
            yield "clock", f"-- every {schedule['every_seconds']} s -->", ""
    if function.get("public"):
        yield "vv", "-- webhook -->", ""
    elif "VIDEO_VECTOR_API_KEY" in function["secrets"]:
        reads = function["trigger"] == "http"
        yield ("vv", "-- event stream -->", "") if reads else ("", "-- calls -->", "vv")
    yield from _receiving_edges(topology, name)
    for topic in function["publishes"]:
        yield "", "-->", _topic(topic)
    if function["state"]:
        yield "", _ACCESS["read"] if function["state"] == "read" else "-.->", "firestore"
    for use in function["buckets"]:
        bucket, access = use.split(":")
        yield "", _ACCESS[access], bucket


def _receiving_edges(topology: Mapping[str, Any], name: str) -> Iterator[Edge]:
    """Yield the arrows of the subscriptions that a function serves, or pulls."""
    for subscription in topology["subscriptions"].values():
        if subscription.get("function") == name:
            yield _topic(subscription["topic"]), "-- filter, push -->", ""
            yield "", "-. dead letters .->", _topic(subscription["dead_letter"]["topic"])
        if subscription.get("reader") == name:
            yield _topic(subscription["topic"]), "-- filter, pull -->", ""


def _merge(group: str, edges: Mapping[str, list[Edge]]) -> Iterator[Edge]:
    """Yield the arrows of each function; an arrow of all functions becomes one of the group."""
    common = set.intersection(*(set(arrows) for arrows in edges.values()))
    for name, arrows in edges.items():
        for edge in arrows:
            node = group if edge in common else _id(name)
            start, arrow, end = edge
            yield start or node, arrow, end or node


def _consumers(topology: Mapping[str, Any]) -> Iterator[Edge]:
    """Yield the arrows to the user: by an existing pull subscription, or a new subscription."""
    pulled = {
        subscription["topic"]
        for subscription in topology["subscriptions"].values()
        if not subscription.get("function") and not subscription.get("reader")
    }
    for topic in topology["topics"]:
        yield _topic(topic), "-- pull -->" if topic in pulled else "-- subscribe -->", "people"


def _buckets(topology: Mapping[str, Any]) -> list[str]:
    uses = [use for function in topology["functions"].values() for use in function["buckets"]]
    return list(dict.fromkeys(use.split(":")[0] for use in uses))


def _id(name: str) -> str:
    """Return a node id that Mermaid does not read as a keyword or an arrow."""
    return "fn_" + name.replace("-", "_")


def _topic(name: str) -> str:
    return "topic_" + name.replace("-", "_")
