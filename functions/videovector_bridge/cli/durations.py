"""Durations as people write them: 30s, 15m, 1h, 7d."""

import re

import typer

_FORM = re.compile(r"(\d{1,6})\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds_of(text: str) -> float:
    """The duration in seconds. Raises `typer.BadParameter`."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no duration: write 30s, 15m, 1h or 7d.")
    return float(int(found[1]) * _SECONDS[found[2]])
