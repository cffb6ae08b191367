"""Stores for the text with a webhook's secrets: the port, the file store, and the choice."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from videovector_bridge.errors import BackendError, SettingsError


class SecretStore(Protocol):
    """Stores one small text. `str()` names the store in messages.

    A reader may use the old text for `propagation_seconds` after a write. Raises `SettingsError`
    for a wrong option, `BackendError` for a failure.
    """

    propagation_seconds: float

    def read(self) -> str:
        """Return the text, or an empty one before the first write."""
        ...

    def write(self, text: str) -> bool:
        """Replace the text, atomically.

        Returns False if another process wrote after our last read; its text is overwritten.
        """
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Prevent other commands from writing during the block, if the store can."""
        ...

    def check_writable(self) -> None:
        """Raise an error if a write is known to fail."""
        ...


def choose_store(secret_file: Path | None, secret: str, problems: list[str]) -> SecretStore | None:
    """Return the store that the options name; append what is wrong to `problems`."""
    if (secret_file is None) == (not secret):
        problems.append(
            "name one place for the secret: --secret-file PATH or --secret projects/P/secrets/S"
        )
        return None
    if secret_file is not None:
        return FileStore(secret_file)
    from videovector_bridge.cli.webhook.secret_manager import SecretManagerStore  # noqa: PLC0415 - 200 ms

    try:
        return SecretManagerStore(secret)
    except SettingsError as error:
        problems.extend(error.problems)
        return None


class FileStore:
    """The `SecretStore` port on a file with mode 0600. A write replaces the whole file, durably.

    A symbolic link stays a link; the file that it points to is replaced.
    """

    propagation_seconds = 0.0  # readers read the file each time

    def __init__(self, path: Path, *, fsync: Callable[[int], None] = os.fsync) -> None:
        self._path = path
        self._fsync = fsync

    def __str__(self) -> str:
        return str(self._path)

    def read(self) -> str:
        """Return the text, or an empty one if there is no file."""
        try:
            return self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            problem = f"--secret-file {self} cannot be read: {_describe(error)}"
            raise SettingsError([problem]) from None

    def write(self, text: str) -> bool:
        """Replace the file. Always True, because `lock` prevents other writers."""
        try:
            self._replace(text)
        except OSError as error:
            raise BackendError(f"{self} could not be written: {_describe(error)}") from None
        return True

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Acquire the lock for the block. The system releases the lock of a process that dies."""
        path = self._path.resolve()
        try:
            lock = os.open(path.with_name(f".{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise BackendError(f"{self} could not be locked: {_describe(error)}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def check_writable(self) -> None:
        """Create a file beside it and remove it."""
        try:
            with suppress(FileNotFoundError):
                if stat.S_ISDIR(self._path.stat().st_mode):
                    raise SettingsError([f"--secret-file {self} is a folder; name a file in it"])
            self._create_temporary("").unlink()
        except OSError as error:
            problem = (
                f"--secret-file {self} cannot be written: {_describe(error)}; its folder must "
                "exist, and you must have write permission"
            )
            raise SettingsError([problem]) from None

    def _replace(self, text: str) -> None:
        path = self._path.resolve()
        temporary = self._create_temporary(text)
        try:
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise
        # The rename is durable only when the folder is synced too.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            self._fsync(folder)
        finally:
            os.close(folder)

    def _create_temporary(self, text: str) -> Path:
        """Return the path of a new file in the same folder, synced, with mode 0600."""
        path = self._path.resolve()
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                self._fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise
        return temporary


def _describe(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it is not UTF-8 text"
