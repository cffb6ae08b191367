"""Find the line of each key of an automations file, for messages. Pure."""

import re
from collections.abc import Mapping
from typing import Final

TOP: Final = -1  # not in an automation
_MAX_DEPTH: Final = 20  # messages name no deeper key

_KEY: Final = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_HEAD: Final = re.compile(r"\s*(\[\[?)([^\[\]]+)\]")
_PAIR: Final = re.compile(rf"\s*((?:{_KEY.pattern})(?:\s*\.\s*(?:{_KEY.pattern}))*)\s*=")


class Lines:
    """The lines of the keys of a TOML file. Keys in inline tables have none."""

    def __init__(self, text: str = "") -> None:
        # (number of the automation, or TOP; keys down to a field) -> line, from 1.
        self._lines = _index_lines(text)

    def find(self, index: int, key: str) -> int:
        """Find the line of the dotted `key` in an automation, or of the table that contains it."""
        keys = tuple(key.split(".", _MAX_DEPTH))
        places = [(index, keys[:length]) for length in range(len(keys), -1, -1)]
        lines = (self._lines.get(place) for place in (*places, (TOP, ("automation",))))
        return next((line for line in lines if line is not None), 1)


def _index_lines(text: str) -> Mapping[tuple[int, tuple[str, ...]], int]:
    lines: dict[tuple[int, tuple[str, ...]], int] = {}
    count = 0
    index = TOP
    table: tuple[str, ...] = ()
    open_quote = ""
    for number, line in enumerate(text.split("\n"), 1):
        if open_quote:
            open_quote = "" if open_quote in line else open_quote
            continue
        if head := _HEAD.match(line):
            table = _split_key(head[2])
            index = TOP
            if table[:1] == ("automation",):
                count += head[1] == "[[" and len(table) == 1
                index, table = count - 1, table[1:]
            lines.setdefault((index, table), number)
        elif pair := _PAIR.match(line):
            keys = (*table, *_split_key(pair[1]))
            for length in range(len(table) + 1, min(len(keys), _MAX_DEPTH) + 1):
                lines.setdefault((index, keys[:length]), number)
        open_quote = next((q for q in ('"""', "'''") if line.count(q) % 2), "")
    return lines


def _split_key(dotted: str) -> tuple[str, ...]:
    return tuple(key.strip("\"'") for key in _KEY.findall(dotted))
