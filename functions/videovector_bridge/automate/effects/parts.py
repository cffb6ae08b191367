"""States with many parts, such as the segments of a video: each is applied on its own.

The record of the event keeps which parts are done, so that a redelivery continues.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from videovector_bridge.api.errors import RateLimited
from videovector_bridge.automate.effects.record import MAX_PARTS, ClaimHeldError, Parts, Record
from videovector_bridge.errors import PermanentError, TransientError

PARTS_SECONDS: Final = 50.0
"""How long one delivery applies parts. The next delivery continues."""
SAVE_SECONDS: Final = 5.0
"""How often the record notes the parts that are done: a crash repeats those of this time."""

Part = tuple[str, Mapping[str, Any]]


class PartsRefusedError(PermanentError):
    """Some parts were refused, and each was reported. All others are done."""


class Progress:
    """Which parts of a state are done, and which were refused and reported."""

    def __init__(
        self,
        parts: Parts | None = None,
        *,
        save: Callable[[], None] | None = None,
        save_seconds: float = SAVE_SECONDS,
        max_parts: int = MAX_PARTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = parts or Parts()
        self._done = set(parts.done)
        self._refused = set(parts.refused)
        self._save = save
        self._save_seconds = save_seconds
        self._max_parts = max_parts
        self._clock = clock
        self._saved_at = clock()

    @property
    def refused(self) -> int:
        """How many parts were refused."""
        return len(self._refused)

    def has(self, key: str) -> bool:
        """Whether a part is done, or was refused and reported."""
        digest = _digest(key)
        return digest in self._done or digest in self._refused

    def note(self, key: str, *, done: bool) -> None:
        """Note that a part is done, or else was refused and that `rejected` has it."""
        if len(self._done) + len(self._refused) >= self._max_parts:
            raise PermanentError(
                f"The event has more than {self._max_parts:,} parts. The others are omitted.",
                owner="system",
                code="too_many_parts",
            )
        (self._done if done else self._refused).add(_digest(key))
        if self._save is not None and self._clock() - self._saved_at > self._save_seconds:
            self._save()
            self._saved_at = self._clock()

    def note_in(self, record: Record) -> Record:
        """The record with this progress."""
        return replace(record, parts=Parts(frozenset(self._done), frozenset(self._refused)))


def _digest(key: str) -> str:
    # Short, for a record may hold thousands; 64 bits of 20,000 keys collide once in 10^11 records.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def apply_parts(
    parts: Iterable[Part],
    apply: Callable[[Mapping[str, Any]], object],
    report: Callable[[PermanentError, str], None],
    progress: Progress,
    *,
    seconds: float = PARTS_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Apply each part that is not done yet. No part decides for another.

    `report` publishes the refusal of a part, given its key. Raises, after all parts, one error for
    all that must be tried again (`joined_failures`), else `PartsRefusedError` where some were
    refused.
    """
    ends_at = clock() + seconds
    failures: list[Exception] = []
    try:
        for key, desired in (part for part in parts if not progress.has(part[0])):
            if clock() > ends_at:
                failures.append(TransientError("Not all parts were done in time."))
                break
            try:
                done = _apply_one(apply, report, key, desired)
            except Exception as error:  # noqa: BLE001  # a bug with one part stops no other
                failures.append(error)
                if isinstance(error, RateLimited):
                    break
            else:
                progress.note(key, done=done)
    except PermanentError:
        if not failures:
            raise
        # The redelivery that those need meets it again.
    if failures:
        raise joined_failures(failures, "parts")
    if progress.refused:
        raise PartsRefusedError(
            f"{progress.refused} parts were refused; each is on `rejected`.",
            owner="user",
            code="parts_refused",
        )


def _apply_one(
    apply: Callable[[Mapping[str, Any]], object],
    report: Callable[[PermanentError, str], None],
    key: str,
    desired: Mapping[str, Any],
) -> bool:
    """Apply a part. False: it was refused, and that is reported."""
    try:
        apply(desired)
    except PermanentError as error:
        report(error, key)
        return False
    return True


def joined_failures(failures: Sequence[Exception], what: str) -> Exception:
    """One error for all of them.

    The first that is no `TransientError`, for it is a bug; else a `ClaimHeldError` where one is.
    """
    for failure in failures:
        if len(failures) == 1 or not isinstance(failure, TransientError):
            return failure
    kind = TransientError
    if any(isinstance(failure, ClaimHeldError) for failure in failures):
        kind = ClaimHeldError
    return kind(f"{len(failures)} {what} failed. The first: {failures[0]}")
