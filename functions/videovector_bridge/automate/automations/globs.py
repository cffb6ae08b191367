"""Compare globs of event types, with the syntax of `fnmatch`. Pure."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

_PART: Final = re.compile(r"\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def can_match(glob: str, types: Iterable[str], prefixes: Iterable[str]) -> bool:
    """Whether `glob` matches one of `types`, or some type that begins with one of `prefixes`."""
    return any(fnmatchcase(event_type, glob) for event_type in types) or any(
        _reaches_past(glob, prefix) for prefix in prefixes
    )


def covers(glob: str, other: str) -> bool:
    """Whether `glob` matches every text that `other` matches. May be False if it does."""
    parts = _PART.findall(glob)
    places = _skip_stars(parts, {0})
    for symbol in _PART.findall(other):
        # A star matches any symbol. Another part may match only one.
        stayed = {place for place in places if parts[place : place + 1] == ["*"]}
        moved = {
            place + 1
            for place in places - stayed
            if place < len(parts) and symbol != "*" and _part_covers(parts[place], symbol)
        }
        places = _skip_stars(parts, stayed | moved)
    return len(parts) in places


def _part_covers(part: str, symbol: str) -> bool:
    """Whether `part`, which matches one character, matches every character of `symbol`."""
    return part in ("?", symbol) or (
        len(symbol) == 1 and symbol != "?" and fnmatchcase(symbol, part)
    )


def _reaches_past(glob: str, prefix: str) -> bool:
    """Whether `glob` matches some text that begins with `prefix` and is longer."""
    parts = _PART.findall(glob)
    places = _skip_stars(parts, {0})
    for char in prefix:
        stayed = {place for place in places if parts[place : place + 1] == ["*"]}
        moved = {
            place + 1
            for place in places - stayed
            if place < len(parts) and fnmatchcase(char, parts[place])
        }
        places = _skip_stars(parts, stayed | moved)
    return any(place < len(parts) for place in places)


def _skip_stars(parts: list[str], places: set[int]) -> set[int]:
    """Add the places that are reached if a star matches the empty text."""
    reached = set(places)
    for place in range(len(parts)):
        if place in reached and parts[place] == "*":
            reached.add(place + 1)
    return reached
