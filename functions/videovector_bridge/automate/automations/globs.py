"""Which event types a glob of an automation can match, as `fnmatch` reads it. Pure."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

_PART: Final = re.compile(r"\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def can_match(glob: str, types: Iterable[str], prefixes: Iterable[str]) -> bool:
    """Whether `glob` fits one of `types`, or may fit a type that begins with one of `prefixes`."""
    return any(fnmatchcase(each, glob) for each in types) or any(
        _reaches_past(glob, prefix) for prefix in prefixes
    )


def covers(glob: str, other: str) -> bool:
    """Whether every text that fits `other` fits `glob`; False also where that is hard to tell."""
    parts = _PART.findall(glob)
    places = _past_stars(parts, {0})
    for symbol in _PART.findall(other):
        # A star takes in whatever `symbol` stands for; another part only what it is itself.
        kept = {place for place in places if parts[place : place + 1] == ["*"]}
        moved = {
            place + 1
            for place in places - kept
            if place < len(parts) and symbol != "*" and _part_covers(parts[place], symbol)
        }
        places = _past_stars(parts, kept | moved)
    return len(parts) in places


def _part_covers(part: str, symbol: str) -> bool:
    """Whether `part`, which stands for one character, fits all that `symbol` stands for."""
    return part in ("?", symbol) or (
        len(symbol) == 1 and symbol != "?" and fnmatchcase(symbol, part)
    )


def _reaches_past(glob: str, prefix: str) -> bool:
    """Whether some text that begins with `prefix`, and is longer, fits `glob`."""
    parts = _PART.findall(glob)
    places = _past_stars(parts, {0})
    for char in prefix:
        kept = {place for place in places if parts[place : place + 1] == ["*"]}
        moved = {
            place + 1
            for place in places - kept
            if place < len(parts) and fnmatchcase(char, parts[place])
        }
        places = _past_stars(parts, kept | moved)
    return any(place < len(parts) for place in places)


def _past_stars(parts: list[str], places: set[int]) -> set[int]:
    """`places` with those that are reached by a star that stands for nothing."""
    reached = set(places)
    for place in range(len(parts)):
        if place in reached and parts[place] == "*":
            reached.add(place + 1)
    return reached
