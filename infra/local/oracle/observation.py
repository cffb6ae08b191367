"""The observed state of a run, to compare with the expected effects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.oracle.oracle import Oracle
from infra.local.oracle.progress import Progress


@dataclass(frozen=True, slots=True)
class Observation:
    """Messages on the topics, markers by target (None: not readable), and the oracle for the rest.

    The effects of the events in `delayed` waited for a failure to end; their latency is ignored.
    """

    progress: Progress
    markers: Mapping[tuple[Any, ...], Mapping[str, Any]] | None
    oracle: Oracle
    delayed: frozenset[str] = frozenset()


def index_markers(
    markers: Iterable[Mapping[str, Any]] | None,
) -> dict[tuple[Any, ...], Mapping[str, Any]] | None:
    """Return the API's markers by target type, target id and field path."""
    if markers is None:
        return None
    keys = ("target_type", "target_id", "field_path")
    return {tuple(marker.get(key) for key in keys): marker for marker in markers}
