"""The script `videovector-bridge`."""

import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from videovector_bridge.redact import clean_text

# Top-level modules of the extra `cli`.
_EXTRA = {"fastavro", "google", "rich", "typer"}


def main(arguments: Sequence[str] | None = None, *, context: object = None) -> None:
    """Run the command line and exit with its status.

    Default: the arguments of the process and the `CommandContext` of the process. The type of
    `context` is not named, because its module may fail to import.
    """
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                # A character that the terminal cannot show must not stop a command before its end.
                stream.reconfigure(errors="backslashreplace")
        from videovector_bridge.cli.app import app  # noqa: PLC0415 - it may not be installed

        app(arguments, prog_name="videovector-bridge", obj=context)
    except Exception as error:  # noqa: BLE001 - a traceback does not help an operator
        if isinstance(error, ModuleNotFoundError) and _top_level(error.name) in _EXTRA:
            _exit(f"The command line needs {error.name}: pip install 'videovector-bridge[cli]'", 2)
        place = traceback.extract_tb(error.__traceback__)[-1]
        _exit(
            f"This is a bug in videovector-bridge, please report it: {type(error).__name__}: "
            f"{clean_text(str(error))} ({Path(place.filename).name}, line {place.lineno})",
            1,
        )


def _top_level(module: str | None) -> str:
    return (module or "").partition(".")[0]


def _exit(message: str, status: int) -> NoReturn:
    print(message, file=sys.stderr)  # noqa: T201 - Typer may be missing
    sys.exit(status)
