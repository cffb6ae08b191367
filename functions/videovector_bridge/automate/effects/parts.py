"""States with many parts, such as the segments of a video. Each part is applied separately.

The record of the event has the parts that are done, so that a redelivery continues with the rest.
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
"""Between two writes of the parts that are done. After a crash, these seconds are repeated."""

Part = tuple[str, Mapping[str, Any]]


class PartsRefusedError(PermanentError):
    """Some parts were refused, and each refusal was reported. All other parts are done."""


class Progress:
    """The parts of a state that are done, and those that were refused and reported."""

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
        """Note that a part is done, or that its refusal is on `rejected`."""
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
        """Return the record with this progress."""
        return replace(record, parts=Parts(frozenset(self._done), frozenset(self._refused)))


def _digest(key: str) -> str:
    # Short, because a record may have 20,000. With 64 bits, one record in 10^11 has a collision.
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
    """Apply each part that is not done. A failure or refusal of one part stops no other part.

    `report` publishes the refusal of a part, named by its key. After all parts, raises one error
    for those that need another attempt (`join_failures`), or `PartsRefusedError` if some were
    refused. Stops after `seconds`, or at a rate limit.
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
            except Exception as error:  # noqa: BLE001  # a bug with one part stops no other part
                failures.append(error)
                if isinstance(error, RateLimited):
                    break
            else:
                progress.note(key, done=done)
    except PermanentError:
        if not failures:
            raise
        # The redelivery meets this error again.
    if failures:
        raise join_failures(failures, "parts")
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
    """Apply a part. Returns False if it was refused, after the report."""
    try:
        apply(desired)
    except PermanentError as error:
        report(error, key)
        return False
    return True


def join_failures(failures: Sequence[Exception], what: str) -> Exception:
    """Return one error for several failures.

    It is the first that is not a `TransientError`, because it is a bug. Otherwise it is a
    `TransientError`, or a `ClaimHeldError` if one of them is.
    """
    for failure in failures:
        if len(failures) == 1 or not isinstance(failure, TransientError):
            return failure
    kind = TransientError
    if any(isinstance(failure, ClaimHeldError) for failure in failures):
        kind = ClaimHeldError
    return kind(f"{len(failures)} {what} failed. The first: {failures[0]}")
