"""What is wrong in an automations file, and the word that was probably meant."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong, or with `severity` warning, that may be.

    `automation` and `field` are empty where it is in none; so is `fix` where none is known.
    """

    file: str
    line: int
    automation: str
    field: str
    what: str
    fix: str = ""
    severity: Literal["mistake", "warning"] = "mistake"

    def __str__(self) -> str:
        parts = (
            f"{self.file}:{self.line}",
            "warning" if self.severity == "warning" else "",
            f"automation {self.automation!r}" if self.automation else "",
            self.field,
            f"{self.what}; {self.fix}" if self.fix else self.what,
        )
        return ": ".join(filter(None, parts))


def did_you_mean(word: object, known: Iterable[str], prefix: str = "") -> str:
    """The question whether the nearest of the `known` was meant; empty where none is near."""
    by_lower = {each.lower(): each for each in known}
    near = get_close_matches(word.lower(), by_lower, n=1) if isinstance(word, str) else []
    return f"did you mean {prefix}{by_lower[near[0]]}?" if near else ""
