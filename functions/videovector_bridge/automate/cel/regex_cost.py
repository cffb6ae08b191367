"""Estimate the cost of a regular expression. The library compiles it at every call. Pure.

The cost of compiling depends on the character classes (those of Unicode are large) and on
repetitions. The cost of matching depends on the number of simultaneous positions in the pattern.
https://docs.rs/regex/#untrusted-input
"""

import re
from dataclasses import dataclass
from typing import Final

# A pattern that costs more to compile exceeds the size limit of the library.
_MOST: Final = 2_000_000
_BASE: Final = 800
_LITERAL: Final = 100
_RANGES: Final = 400
_NEGATED: Final = 2_000
_DIGITS: Final = 2_500
_WORDS: Final = 16_000

# The begin or end of a group, a repetition, an escape, a character class, or another character.
_PART: Final = re.compile(
    r"""
    (?P<begin> \( ) | (?P<end> \) )
    | \{ (?P<least> [0-9]{1,6} ) (?: , (?P<most> [0-9]{0,6} ) )? \}
    | (?P<escape> \\[\s\S] )
    | (?P<class> \[ (?: \\[\s\S] | \[ [^\]\\]* \] | [^\]\\] )* \]? )
    | (?P<free> [*+?|^$] )
    | (?P<other> [\s\S] )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class RegexCost:
    """The cost of compiling a pattern, and the maximum number of simultaneous positions in it.

    `compiling` is in units of `Size.weight`.
    """

    compiling: int
    places: int

    def work(self, characters: int) -> int:
        """Return the maximum cost of one call for a text of this length."""
        return min(_MOST, _BASE + self.compiling) + characters * (1 + self.places) * 3 // 4

    def plus(self, other: "RegexCost", times: int = 1) -> "RegexCost":
        """Return the cost of this pattern, followed by the other one `times` times."""
        return RegexCost(
            self.compiling + other.compiling * times, self.places + other.places * times
        )


_NOTHING: Final = RegexCost(0, 0)


def estimate_regex(pattern: str) -> RegexCost:
    """Estimate a regular expression in the syntax of Rust's `regex`. Never too low."""
    groups = [_NOTHING]  # the open groups, as far as they are read
    last = _NOTHING  # the element before a repetition
    fold = 4 if re.search(r"\(\?[a-zA-Z-]*i", pattern) else 1  # letters in both cases
    for part in _PART.finditer(pattern):
        match part.lastgroup:
            case "begin":
                groups.append(_NOTHING)
                continue
            case "end":
                last = groups.pop() if len(groups) > 1 else _NOTHING
            case "least" | "most":
                times = max(int(part["least"]), int(part["most"] or 0), 1)
                groups[-1] = groups[-1].plus(last, times - 1)
                last = _NOTHING.plus(last, times)
                continue
            case "free":
                continue
            case _:
                last = _estimate_element(part[0], fold)
        groups[-1] = groups[-1].plus(last)
    whole = _NOTHING
    for group in groups:
        whole = whole.plus(group)
    return whole


def _estimate_element(text: str, fold: int) -> RegexCost:
    """Estimate one letter, escape or character class."""
    if re.search(r"\\[wWpPbB]|\[:", text):
        return RegexCost(_WORDS, 2)
    if re.search(r"\\[dDsS]", text):
        return RegexCost(_DIGITS, 2)
    if text.startswith("[^"):
        return RegexCost(_NEGATED * fold, 2)
    if text == "." or len(text) > 1:
        return RegexCost(_RANGES * fold, 1 if text.isascii() else 2)
    return RegexCost(_LITERAL * fold, 1)
