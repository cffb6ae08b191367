"""The script `videovector-bridge`."""

import sys
import traceback
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from videovector_bridge.redact import clean_text

# What the extra `cli` brings, as modules.
_EXTRA = {"typer", "rich", "google"}


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                # What the terminal cannot show is no reason to fail half-way.
                stream.reconfigure(errors="backslashreplace")
        from videovector_bridge.cli.app import app  # noqa: PLC0415 - it may not be installed

        app(prog_name="videovector-bridge")
    except Exception as error:  # noqa: BLE001 - the edge: a traceback helps no operator
        if isinstance(error, ModuleNotFoundError) and _root(error.name) in _EXTRA:
            _end(f"The command line needs {error.name}: pip install 'videovector-bridge[cli]'", 2)
        place = traceback.extract_tb(error.__traceback__)[-1]
        _end(
            f"This is a mistake in videovector-bridge, please report it: {type(error).__name__}: "
            f"{clean_text(str(error))} ({Path(place.filename).name}, line {place.lineno})",
            1,
        )


def _root(module: str | None) -> str:
    return (module or "").partition(".")[0]


def _end(message: str, status: int) -> NoReturn:
    print(message, file=sys.stderr)  # noqa: T201 - a command line prints
    sys.exit(status)
