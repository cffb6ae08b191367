"""A secret that may be rotated while the process runs."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# A file that changed so lately may change again without looking any different.
_SETTLED_SECONDS: Final = 3.0
# Mounted volumes need not tell of a change at all.
_TRUSTED_SECONDS: Final = 30.0

_Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a file held, what it looked like just before, and until when that is believed."""

    value: str = field(repr=False)
    stamp: _Stamp
    read_at: float
    settled: bool


class Secret:
    """A secret given as a value, or as a file that is read again whenever it changes.

    A mounted Secret Manager volume changes in place when the secret gets a new version, so that
    a rotation needs no redeploy. Another file of the same size within a tick of the file system's
    clock is noticed too. Safe to use from several threads. The value is hidden from `repr`.
    """

    def __init__(
        self, value: str = "", file: str = "", *, clock: Callable[[], float] = time.time
    ) -> None:
        self._value = value
        self._file = Path(file) if file else None
        self._clock = clock
        # One reference, so that a thread never sees a value with the stamp of another.
        self._reading: _Reading | None = None

    def current(self) -> str:
        """The secret as it is now, without blanks around it.

        A file that cannot be read leaves the last value in force; OSError or
        UnicodeDecodeError if there is none.
        """
        if self._file is None:
            return self._value
        held = self._reading
        try:
            found = self._file.stat()
            stamp = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
            now = self._clock()
            if held is None or not _believed(held, stamp, now):
                changed_at = max(found.st_mtime, found.st_ctime)
                held = _Reading(
                    self._file.read_text(encoding="utf-8").strip(),
                    stamp,
                    now,
                    now - changed_at > _SETTLED_SECONDS,
                )
                self._reading = held
        except (OSError, UnicodeDecodeError):
            value = held.value if held else self._value
            if not value:
                raise
            return value
        return held.value

    def __repr__(self) -> str:
        return "Secret(hidden)"


def _believed(held: _Reading, stamp: _Stamp, now: float) -> bool:
    recent = 0 <= now - held.read_at < _TRUSTED_SECONDS
    return held.settled and recent and held.stamp == stamp
