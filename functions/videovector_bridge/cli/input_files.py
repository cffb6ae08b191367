"""Read the files that commands take as input; `-` is standard input."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from videovector_bridge.automate.automations.reader import SHIPPED, read_automations
from videovector_bridge.automate.plan import Automation
from videovector_bridge.errors import SettingsError

_STDIN = "-"

FILE_HELP: Final = "The automations file. Default: AUTOMATIONS_FILE, or the deployed file."
File = Annotated[str, typer.Option("--file", metavar="FILE", help=FILE_HELP)]


def read_bytes(file: str) -> bytes:
    """Return the content of a file. Raises `SettingsError` if it cannot be read."""
    if file == _STDIN:
        return typer.get_binary_stream("stdin").read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise SettingsError([f"{file!r} cannot be read: {error.strerror or error}"]) from None


def read_text(file: str) -> str:
    """Return the content of a file in UTF-8. Raises `SettingsError` if it cannot be read."""
    try:
        return read_bytes(file).decode()
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file!r} cannot be read: {error}"]) from None


def choose_file(file: str, environ: Mapping[str, str]) -> str:
    """Return the path of the automations file: `file`, `AUTOMATIONS_FILE` or the deployed file."""
    return file or environ.get("AUTOMATIONS_FILE", "").strip() or _shorten(SHIPPED)


def read_chosen_file(file: str, environ: Mapping[str, str]) -> tuple[Automation, ...]:
    """Return the automations of the chosen file. Raises `SettingsError` with every mistake."""
    chosen = choose_file(file, environ)
    return read_automations(read_text(chosen), chosen)


def _shorten(path: Path) -> str:
    """Return the path relative to the current folder, if it is inside."""
    folder = Path.cwd()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
