"""A text in a file that only its owner may read."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from videovector_bridge.errors import BackendError, SettingsError


class FileStore:
    """The `SecretStore` port on a file: mode 0600, replaced as a whole, on disk before it counts.

    A symbolic link stays one: what it points at is replaced.
    """

    settle_seconds = 0.0  # readers look at the file each time

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def read(self) -> str:
        """The text, or nothing if there is no file."""
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError([f"--secret-file {self} cannot be read: {_why(error)}"]) from None

    def write(self, text: str) -> bool:
        """Put `text` in the place of the file. True: `held` keeps others away."""
        try:
            self._replace(text)
        except OSError as error:
            raise BackendError(f"{self} could not be written: {_why(error)}") from None
        return True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait until no other command holds it, and hold it; a process that dies lets go."""
        path = self._path.resolve()
        try:
            lock = os.open(path.with_name(f".{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise BackendError(f"{self} could not be locked: {_why(error)}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def check_writable(self) -> None:
        """Prove it by making a file beside it, and removing that again."""
        try:
            with suppress(FileNotFoundError):
                if stat.S_ISDIR(self._path.stat().st_mode):
                    raise SettingsError([f"--secret-file {self} is a folder; name a file in it"])
            self._written("").unlink()
        except OSError as error:
            problem = (
                f"--secret-file {self} cannot be written: {_why(error)}; its folder must exist "
                "and be yours to write to"
            )
            raise SettingsError([problem]) from None

    def _replace(self, text: str) -> None:
        path = self._path.resolve()
        written = self._written(text)
        try:
            written.replace(path)
        except OSError:
            with suppress(OSError):
                written.unlink()
            raise
        # The name in its folder is data of its own.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _written(self, text: str) -> Path:
        """The path of a new file beside it with that text, safely on disk. Its mode is 0600."""
        path = self._path.resolve()
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        written = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                written.unlink()
            raise
        return written


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it is not UTF-8 text"
