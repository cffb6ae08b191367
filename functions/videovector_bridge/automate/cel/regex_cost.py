"""The cost of a regular expression, which the library compiles again at every call. Pure.

Compiling depends on the classes of characters (Unicode's are large) and on repetitions, matching on
the number of places in the pattern where it may be at a time. https://docs.rs/regex/#untrusted-input
"""

import re
from dataclasses import dataclass
from typing import Final

# A pattern that takes longer to compile is over the size limit of the library.
_MOST: Final = 2_000_000
_BASE: Final = 800
_LITERAL: Final = 100
_RANGES: Final = 400
_NEGATED: Final = 2_000
_DIGITS: Final = 2_500
_WORDS: Final = 16_000

# What begins a group or ends it, a repetition, an escape, a class of characters, or another one.
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
class Pattern:
    """What a pattern costs: to compile it, and the number of places in it where a match may be.

    `compiling` is in the unit of `Size.weight`.
    """

    compiling: int
    places: int

    def work(self, characters: int) -> int:
        """The most that one call costs for a text of so many characters."""
        return min(_MOST, _BASE + self.compiling) + characters * (1 + self.places) * 3 // 4

    def plus(self, other: "Pattern", times: int = 1) -> "Pattern":
        """Both, one after the other, the other so many times."""
        return Pattern(self.compiling + other.compiling * times, self.places + other.places * times)


_NOTHING: Final = Pattern(0, 0)


def read_pattern(pattern: str) -> Pattern:
    """The cost of a regular expression in the syntax of Rust's `regex`; too high where in doubt."""
    groups = [_NOTHING]  # those that are open, each as far as it is read
    last = _NOTHING  # what a repetition repeats
    fold = 4 if re.search(r"\(\?[a-zA-Z-]*i", pattern) else 1  # letters of both cases
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
                last = _one(part[0], fold)
        groups[-1] = groups[-1].plus(last)
    whole = _NOTHING
    for group in groups:
        whole = whole.plus(group)
    return whole


def _one(text: str, fold: int) -> Pattern:
    """The cost of one letter, escape or class."""
    if re.search(r"\\[wWpPbB]|\[:", text):
        return Pattern(_WORDS, 2)
    if re.search(r"\\[dDsS]", text):
        return Pattern(_DIGITS, 2)
    if text.startswith("[^"):
        return Pattern(_NEGATED * fold, 2)
    if text == "." or len(text) > 1:
        return Pattern(_RANGES * fold, 1 if text.isascii() else 2)
    return Pattern(_LITERAL * fold, 1)
