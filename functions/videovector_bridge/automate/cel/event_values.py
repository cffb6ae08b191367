"""The values of one event for expressions. Fields that no expression uses cost nothing.

JSON null in the payload counts as missing: null members of objects and null items of lists are
removed. Documented ids stay null (`event.video_id != null`).
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
"""Maximum nesting of objects and lists. Firestore allows 20 levels."""

# About the weight of an event of 5 MB. A larger cache is cleared, and excerpts are built again.
_MAX_CACHED: Final = 3_000_000


class Size(NamedTuple):
    """The size of a value: its `weight`, and the `length` of the longest list or object in it.

    The library copies one unit of weight in 20 to 40 ns. Text has one unit for each 4 characters.
    """

    weight: int = 0
    length: int = 0


@dataclass(frozen=True)
class Excerpt:
    """The fields of an event that an expression uses.

    `nulls` are the documented fields among them that are null. `sizes` has every path, `absent` the
    paths without a value or with null.
    """

    event: Mapping[str, Any]
    sizes: Mapping[Path, Size]
    weight: int
    nulls: tuple[str, ...] = ()
    absent: tuple[Path, ...] = ()

    @cached_property
    def context(self) -> cel.Context:
        """The excerpt, converted for the library. The conversion costs 15 times its weight."""
        return cel.Context({"event": dict(self.event)})

    def without_nulls(self) -> cel.Context:
        """Return the context without the documented fields that are null."""
        present = {name: value for name, value in self.event.items() if name not in self.nulls}
        return cel.Context({"event": present})


class EventValues:
    """The fields of one event. Converts each set of fields once, at its first use."""

    def __init__(self, fields: Mapping[str, Any], *, max_cached: int = _MAX_CACHED) -> None:
        self.fields = fields
        self._max_cached = max_cached
        self._excerpts: dict[tuple[Path, ...], Excerpt] = {}
        self._weight = 0

    def extract(self, paths: tuple[Path, ...]) -> Excerpt:
        """Return the values at `paths`. Raises `PermanentError` if one is nested too deeply."""
        excerpt = self._excerpts.get(paths)
        if excerpt is None:
            excerpt = _build_excerpt(self.fields, paths)
            if self._weight + excerpt.weight > self._max_cached:
                self._excerpts.clear()
                self._weight = 0
            self._excerpts[paths] = excerpt
            self._weight += excerpt.weight
        return excerpt


def _build_excerpt(fields: Mapping[str, Any], paths: Sequence[Path]) -> Excerpt:
    """Build an excerpt of the fields on `paths`. A path ends early at a value without fields."""
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
    """Add the value at a path to `event`. Returns its size, and whether it is new there."""
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
    """Copies a value without its nulls, and adds up its weight."""

    def __init__(self, place: str) -> None:
        self._place = place
        self.weight = 0
        self.length = 0

    def copy(self, value: Any, levels: int) -> Any:
        """Copy a value of at most `levels` levels."""
        kind = type(value)
        if kind is str:
            self.weight += 3 + len(value) // 4
            return value
        if kind is not dict and kind is not list:
            self.weight += 3 if kind is float else 1
            return value
        if levels == 0:
            raise PermanentError(
                f"An automation uses event.{self._place[:200]}, which is nested more than "
                f"{MAX_LEVELS} levels deep in this event.",
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
