"""What would be deployed: sizes, schedules and subscriptions of `infra/topology.json`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from videovector_bridge.cli.source_tree import SOURCE_TREE
from videovector_bridge.environment import Environment
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.streams import WindowSettings, read_streams

TOPOLOGY: Final = SOURCE_TREE / "infra" / "topology.json"

_MEMORY: Final = re.compile(r"(\d+)([KMG])i?")
_GIB: Final = {"K": 2**-20, "M": 2**-10, "G": 1.0}
_EVENTS: Final = "events"
_NUMBER: Final = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a function: CPUs, GiB, requests at once, and the most instances."""

    cpu: float
    memory_gib: float
    concurrency: int
    max_instances: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment with its defaults.

    `sizes` are by function, `actions` name the function of each action, `every_seconds` are
    the schedules by function. `pulled` counts the subscriptions of topic `events` that functions
    pull. `retention_seconds` is that of topic `events`.
    """

    sizes: Mapping[str, Size]
    actions: Mapping[str, str]
    every_seconds: Mapping[str, float]
    pulled: int
    retention_seconds: float
    window: WindowSettings


def read_deployment(file: str = "") -> Deployment:
    """Read the topology of the source tree, or another. Raises `SettingsError`."""
    path = Path(file) if file else TOPOLOGY
    if not file and not path.is_file():
        raise SettingsError(
            ["Name the topology with --topology FILE: this installation has no infra/topology.json"]
        )
    try:
        return parse_deployment(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError([f"{file!r} cannot be read: {error.strerror or error}"]) from None
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise SettingsError([f"{str(file or path.name)!r} is not a topology: {error!r}"]) from None


def parse_deployment(topology: Mapping[str, Any]) -> Deployment:
    """Return the deployment of a topology, with the bridge's default window."""
    subscriptions = [
        each for each in topology["subscriptions"].values() if each["topic"] == _EVENTS
    ]
    (stream,) = read_streams(Environment({})).values()
    return Deployment(
        {name: _parse_size(each["resources"]) for name, each in topology["functions"].items()},
        {each["action"]: name for name, each in topology["functions"].items() if "action" in each},
        {name: float(each["every_seconds"]) for name, each in topology["schedules"].items()},
        sum("reader" in each for each in subscriptions),
        float(topology["topics"][_EVENTS]["retention"].removesuffix("s")),
        stream.window,
    )


def change_deployment(deployment: Deployment, changes: Mapping[str, str]) -> Deployment:
    """Return the deployment with changes such as `drain.cpu` -> `0.167`.

    The keys are `FUNCTION.cpu`, `.memory`, `.concurrency`, `.max_instances` and, for a function
    with a schedule, `.every_minutes`. Raises `SettingsError` with every wrong one.
    """
    problems: list[str] = []
    sizes, every = dict(deployment.sizes), dict(deployment.every_seconds)
    for key, text in changes.items():
        function, _, name = key.rpartition(".")
        if function not in sizes:
            problems.append(f"--set {key}: functions are {', '.join(sizes)}")
        elif name == "every_minutes" and function in every:
            every[function] = 60 * _parse_number(key, text, problems)
        elif name == "memory":
            if (memory := _parse_memory(text)) is None:
                problems.append(f"--set {key}: memory is an amount such as 512Mi, not {text!r}")
            else:
                sizes[function] = replace(sizes[function], memory_gib=memory)
        elif name == "cpu":
            number = _parse_number(key, text, problems)
            sizes[function] = replace(sizes[function], cpu=number)
        elif name in ("concurrency", "max_instances"):
            whole = int(_parse_number(key, text, problems))
            sizes[function] = replace(sizes[function], **{name: max(1, whole)})
        else:
            known = "cpu, memory, concurrency, max_instances"
            more = ", every_minutes" if function in every else ""
            problems.append(f"--set {key}: settings of {function} are {known}{more}")
    problems += [
        f"{function}: Cloud Run requires 1 CPU or more for more than one request at once"
        for function, size in sizes.items()
        if size.concurrency > 1 and size.cpu < 1
    ]
    if problems:
        raise SettingsError(problems)
    return replace(deployment, sizes=sizes, every_seconds=every)


def _parse_size(resources: Mapping[str, Any]) -> Size:
    memory = _parse_memory(resources["memory"])
    if memory is None:
        raise ValueError(f"{resources['memory']!r} is no amount of memory")
    return Size(
        float(resources["cpu"]),
        memory,
        int(resources["concurrency"]),
        int(resources["max_instances"]),
    )


def _parse_memory(text: str) -> float | None:
    """Return GiB. Terraform and Cloud Run read M and Mi alike here."""
    parts = _MEMORY.fullmatch(text)
    return None if parts is None else int(parts[1]) * _GIB[parts[2]]


def _parse_number(key: str, text: str, problems: list[str]) -> float:
    if not _NUMBER.fullmatch(text) or float(text) <= 0:
        problems.append(f"--set {key} must be a number above 0, not {text!r}")
        return 1.0
    return float(text)
