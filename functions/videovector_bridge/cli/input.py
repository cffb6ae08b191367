"""Files that commands read, and standard input for `-`."""

from pathlib import Path

import typer

from videovector_bridge.errors import SettingsError

STDIN = "-"


def read_bytes(file: str) -> bytes:
    """The content of a file, or of standard input. Raises `SettingsError` if it cannot be read."""
    if file == STDIN:
        return typer.get_binary_stream("stdin").read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise SettingsError([f"{file!r} cannot be read: {error.strerror or error}"]) from None


def read_text(file: str) -> str:
    """The same, as text in UTF-8."""
    try:
        return read_bytes(file).decode()
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file!r} cannot be read: {error}"]) from None
