"""A secret that is read from another machine, and trusted for a while."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from videovector_bridge.errors import BackendError

TRUSTED_SECONDS: Final = 30.0
"""How long a value is used before it is read again."""
READ_SECONDS: Final = 5.0
"""How long one read may take: one request waits for it, and without a value all of them."""

# A read that failed or had no value is repeated after this time, not in every request.
_RETRY_SECONDS: Final = 5.0
_REPORT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Reading:
    """A value (None: there is none yet) or a problem; to be read again at `due_at`."""

    value: str | None = field(repr=False)
    due_at: float
    problem: str = ""


class RefreshedSecret:
    """The secret that `read` returns; it is read again when it is 30 s old. Thread-safe.

    `read` blocks for at most `READ_SECONDS`, returns None while there is no value yet, and raises
    `BackendError`. One thread at a time calls it. The others use the last value until then, but
    not one that is older than 35 s, because the process may have been idle for hours: they wait
    for the new one. If a read fails, the last value stays valid, and `report` receives the
    problem, at most once a minute. The value is hidden from `repr`.
    """

    def __init__(
        self,
        read: Callable[[], str | None],
        report: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._report = report
        self._clock = clock
        self._lock = threading.Lock()
        # One reference, so that no thread sees the value of one reading with the time of another.
        self._reading: _Reading | None = None
        self._next_report_at = clock()

    def current(self) -> str:
        """Return the secret; an empty one if there is none yet.

        Raises `BackendError` if the last read failed and there is no older value.
        """
        reading = self._reading
        if reading is None or self._clock() >= reading.due_at:
            reading = self._refresh(reading)
        if reading.problem:
            # A new error in each thread, because it gets the thread's traceback.
            raise BackendError(reading.problem)
        return reading.value or ""

    def _refresh(self, last: _Reading | None) -> _Reading:
        """Read again. If another thread does so already, return `last` or wait for that thread."""
        if last is None or not self._is_usable(last):
            self._lock.acquire()
        elif not self._lock.acquire(blocking=False):
            return last
        try:
            reading = self._reading  # of another thread, if this one has waited
            if reading is None or self._clock() >= reading.due_at:
                self._reading = reading = self._read_after(reading)
            return reading
        finally:
            self._lock.release()

    def _is_usable(self, last: _Reading) -> bool:
        return last.value is not None and self._clock() < last.due_at + READ_SECONDS

    def _read_after(self, last: _Reading | None) -> _Reading:
        started_at = self._clock()
        value, problem = None, ""
        try:
            value = self._read()
        except BackendError as error:
            problem = str(error)
        if value is not None:
            return _Reading(value, started_at + TRUSTED_SECONDS)
        retry_at = self._clock() + _RETRY_SECONDS
        if last is None or last.value is None:
            return _Reading(None, retry_at, problem)
        self._report_stale(problem or "It does not exist any more.")
        return replace(last, due_at=retry_at)

    def _report_stale(self, problem: str) -> None:
        now = self._clock()
        if now >= self._next_report_at:
            self._next_report_at = now + _REPORT_SECONDS
            self._report(problem)

    def __repr__(self) -> str:
        return "RefreshedSecret(hidden)"
