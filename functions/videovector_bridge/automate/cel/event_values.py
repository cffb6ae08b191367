"""The values of one event, as expressions see them. What none asks for costs nothing.

JSON null in the payload is "not there": null members of objects and null items of lists are left
out. Documented ids stay null (`event.video_id != null`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import cel

from videovector_bridge.automate.cel.source import Path
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import DOCUMENTED_FIELDS

MAX_LEVELS: Final = 100
"""Of objects and lists in one another. Firestore holds 20."""

# About what an event of 5 MB weighs. Excerpts beyond that are made again when they are asked for.
_MAX_CACHED: Final = 3_000_000


class Size(NamedTuple):
    """How large a value is: its `weight`, and the `length` of the longest list or object in it.

    The library copies one unit of weight in 20 to 40 ns. Text has one for each 4 characters, as
    what it takes is memory.
    """

    weight: int = 0
    length: int = 0


@dataclass(frozen=True)
class Excerpt:
    """The fields of an event that an expression asks for.

    `nulls` are the documented fields among them that are null. `sizes` has every path, `absent`
    the paths where the event has nothing, or null.
    """

    event: Mapping[str, Any]
    sizes: Mapping[Path, Size]
    weight: int
    nulls: tuple[str, ...] = ()
    absent: tuple[Path, ...] = ()

    @cached_property
    def context(self) -> cel.Context:
        """The excerpt as the library takes it. The conversion costs 15 times what it weighs."""
        return cel.Context({"event": dict(self.event)})

    def without_nulls(self) -> cel.Context:
        """Likewise, but where documented fields that are null are not there."""
        kept = {name: value for name, value in self.event.items() if name not in self.nulls}
        return cel.Context({"event": kept})


class EventValues:
    """The fields of one event. Each set of fields is converted once, when it is asked for."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self._excerpts: dict[tuple[Path, ...], Excerpt] = {}
        self._weight = 0

    def excerpt(self, paths: tuple[Path, ...]) -> Excerpt:
        """What the event has at `paths`. Raises `PermanentError` where that is nested too deep."""
        excerpt = self._excerpts.get(paths)
        if excerpt is None:
            excerpt = _excerpt(self.fields, paths)
            if self._weight + excerpt.weight > _MAX_CACHED:
                self._excerpts.clear()
                self._weight = 0
            self._excerpts[paths] = excerpt
            self._weight += excerpt.weight
        return excerpt


def _excerpt(fields: Mapping[str, Any], paths: Sequence[Path]) -> Excerpt:
    """The fields on `paths` alone. A path ends early where there is no object to go on from."""
    event: dict[str, Any] = {}
    sizes: dict[Path, Size] = {}
    weight = 0
    for path in sorted(paths, key=len):
        sizes[path], is_new = _add_path(fields, path, event)
        weight += sizes[path].weight if is_new else 0
    nulls = tuple(name for name, value in event.items() if value is None)
    absent = tuple(path for path in paths if not sizes[path].weight)
    return Excerpt(event, sizes, weight, nulls, absent)


def _add_path(fields: Mapping[str, Any], path: Path, event: dict[str, Any]) -> tuple[Size, bool]:
    """Add what is on one path to `event`: its size, and whether it was not there yet."""
    if not path:
        inner = [_add_path(fields, (name,), event)[0] for name in fields]
        weight = sum(size.weight for size in inner)
        return Size(weight, max([len(fields), *(size.length for size in inner)])), True
    source, target = fields, event
    for name in path[:-1]:
        value = source.get(name)
        if not isinstance(value, dict):
            break
        source, target = value, target.setdefault(name, {})
    else:
        name = path[-1]
        value = source.get(name)
    if value is None:
        if source is fields and name in fields and name in DOCUMENTED_FIELDS:
            target[name] = None
        return Size(), False
    copier = _Copier(".".join(path))
    copied = copier.copy(value, MAX_LEVELS)
    is_new = name not in target
    if is_new:
        target[name] = copied
    return Size(copier.weight, copier.length), is_new


class _Copier:
    """Copies a value without its nulls, and adds up what the copy weighs."""

    def __init__(self, place: str) -> None:
        self._place = place
        self.weight = 0
        self.length = 0

    def copy(self, value: Any, levels: int) -> Any:
        """A copy that has at most so many levels."""
        kind = type(value)
        if kind is str:
            self.weight += 3 + len(value) // 4
            return value
        if kind is not dict and kind is not list:
            self.weight += 3 if kind is float else 1
            return value
        if levels == 0:
            raise PermanentError(
                f"An automation asks for event.{self._place[:200]}, and this event has it nested "
                f"more than {MAX_LEVELS} levels deep.",
                owner="vendor",
                code="too_deep",
            )
        self.length = max(self.length, len(value))
        if kind is list:
            self.weight += 6
            return [self.copy(item, levels - 1) for item in value if item is not None]
        self.weight += 4 + sum(3 + len(name) // 4 for name in value)
        return {
            name: self.copy(inner, levels - 1) for name, inner in value.items() if inner is not None
        }
