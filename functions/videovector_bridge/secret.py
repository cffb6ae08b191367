"""A secret that can be rotated while the process runs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

# A file that changed this recently may change again with an identical `stat`.
_SETTLED_SECONDS: Final = 3.0
# A mounted volume may not show a change in `stat`: read the file again after this time.
_TRUSTED_SECONDS: Final = 30.0

_Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Reading:
    """The content of a file, and its `stat` before. Unless `settled`, it may change unnoticed."""

    value: str = field(repr=False)
    stamp: _Stamp
    read_at: float
    settled: bool


class SecretSource(Protocol):
    """Where the text of a secret comes from."""

    def current(self) -> str:
        """Return the current text; an empty one if there is none yet.

        Raises `OSError`, `UnicodeDecodeError` or `BackendError` if it cannot be read.
        """
        ...


class Secret:
    """A secret from a value, or from a file that is read again when it changes.

    A mounted Secret Manager volume changes in place when the secret has a new version, so a
    rotation needs no deployment. A change to the same size within a tick of the file system's
    clock is noticed too. Thread-safe. The value is hidden from `repr`.
    """

    def __init__(
        self, value: str = "", file: str = "", *, clock: Callable[[], float] = time.time
    ) -> None:
        self._value = value
        self._file = Path(file) if file else None
        self._clock = clock
        # One reference, so that a thread never reads a value with the stamp of another.
        self._reading: _Reading | None = None

    def current(self) -> str:
        """Return the current secret, without blanks around it.

        If the file cannot be read, the last value stays valid; without one, raises `OSError` or
        `UnicodeDecodeError`.
        """
        if self._file is None:
            return self._value
        reading = self._reading
        try:
            stat = self._file.stat()
            stamp = (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino)
            now = self._clock()
            if reading is None or not _is_current(reading, stamp, now):
                changed_at = max(stat.st_mtime, stat.st_ctime)
                reading = _Reading(
                    self._file.read_text(encoding="utf-8").strip(),
                    stamp,
                    now,
                    now - changed_at > _SETTLED_SECONDS,
                )
                self._reading = reading
        except (OSError, UnicodeDecodeError):
            value = reading.value if reading else self._value
            if not value:
                raise
            return value
        return reading.value

    def __repr__(self) -> str:
        return "Secret(hidden)"


def _is_current(reading: _Reading, stamp: _Stamp, now: float) -> bool:
    recent = 0 <= now - reading.read_at < _TRUSTED_SECONDS
    return reading.settled and recent and reading.stamp == stamp
