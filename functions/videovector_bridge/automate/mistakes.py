"""Mistakes in an automations file, and hints for their correction."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from reprlib import Repr
from typing import Any, Final, Literal

Severity = Literal["mistake", "warning"]

_MAX_KEY: Final = 100  # characters of a key in a message
_WHOLE_DIGITS: Final = 40

_short: Final = Repr()
_short.maxlevel = 2
_short.maxstring = _short.maxother = 80


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake in a file, or, with `severity` warning, a possible mistake.

    `automation` and `field` are empty if the mistake is outside of them. `fix` is empty if no
    correction is known.
    """

    file: str
    line: int
    automation: str
    field: str
    what: str
    fix: str = ""
    severity: Severity = "mistake"

    def __str__(self) -> str:
        parts = (
            f"{self.file}:{self.line}",
            "warning" if self.severity == "warning" else "",
            f"automation {self.automation!r}" if self.automation else "",
            self.field,
            f"{self.what}; {self.fix}" if self.fix else self.what,
        )
        return _one_line(": ".join(filter(None, parts)))


def did_you_mean(word: object, known: Iterable[str], prefix: str = "") -> str:
    """Return a hint with the known word nearest to `word`; empty if none is near."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), by_lower, n=1) if isinstance(word, str) else []
    return f"did you mean {prefix}{by_lower[near[0]]}?" if near else ""


def format_value(value: Any) -> str:
    """Format a value of a TOML file for a message: short, and on one line."""
    if isinstance(value, int) and not isinstance(value, bool) and value:
        digits = int(math.log10(abs(value))) + 1  # `repr` refuses very large numbers
        return repr(value) if digits <= _WHOLE_DIGITS else f"a number of {digits:,} digits"
    if isinstance(value, bool | float | int | str):
        return "true" if value is True else "false" if value is False else _short.repr(value)
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return f"{value}"  # a date or a time


def format_key(key: str) -> str:
    """Shorten a key of a TOML file for a message."""
    return key if len(key) <= _MAX_KEY else key[: _MAX_KEY - 1] + "…"


def _one_line(text: str) -> str:
    """Escape line breaks and control characters, which could be commands to a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
