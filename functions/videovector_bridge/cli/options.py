"""Options that several commands share, and durations such as 30s, 15m, 1h, 7d."""

import re
from pathlib import Path
from typing import Annotated

import typer

_DURATION = re.compile(r"(\d{1,6})\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def find_duration(text: str) -> float | None:
    """Return the duration in seconds, or None if the text is no duration."""
    parts = _DURATION.fullmatch(text.strip())
    return None if parts is None else float(int(parts[1]) * _SECONDS[parts[2]])


def parse_duration(text: str) -> float:
    """Return the duration in seconds. Raises `typer.BadParameter`."""
    seconds = find_duration(text)
    if seconds is None:
        raise typer.BadParameter(f"{text!r} is not a duration: write 30s, 15m, 1h or 7d.")
    return seconds


Name = Annotated[
    str, typer.Option("--name", help="The bridge's name for the webhook: one webhook a name.")
]
SecretFile = Annotated[
    Path | None,
    typer.Option("--secret-file", help="Store its secrets in this file (mode 0600)."),
]
Secret = Annotated[
    str,
    typer.Option(
        "--secret",
        metavar="projects/P/secrets/S",
        help="Store its secrets in Secret Manager. Each change adds a version; you destroy old "
        "versions.",
    ),
]
Grace = Annotated[
    float,
    typer.Option(
        "--grace",
        parser=parse_duration,
        metavar="DURATION",
        help="How long the old secret stays valid, such as 15m, 1h, 7d.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Write only JSON to standard output, for scripts.")
]
