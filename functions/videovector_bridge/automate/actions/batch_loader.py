"""Combine lookups of many threads into few calls. A refused key does not affect other keys."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Generic, TypeVar

from videovector_bridge.errors import PermanentError, TransientError

V = TypeVar("V")


class _Batch(Generic[V]):
    """The keys of one call. Callers wait for the outcome of their key until `deadline`."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.outcomes: dict[str, Future[V | None]] = {}
        self.full = threading.Event()


class BatchLoader(Generic[V]):
    """Looks up keys by `fetch`, up to `max_keys` in one call. Thread-safe.

    The first caller of a batch waits `linger_seconds` for others, and then for its `turn`, in which
    it calls `fetch`, in its own thread. Others join the batch until then. A caller that arrives
    later starts the next batch, so that `fetch` always begins after the `load` of each of its keys.

    After a `PermanentError` the keys of the call are split into halves, with a call for each half,
    until a call has only the refused key. Any other error is the outcome of each key of that call.
    No caller waits longer than `wait_seconds`, even if its batch is split into many calls. `clock`
    returns monotonic seconds.
    """

    def __init__(
        self,
        fetch: Callable[[Sequence[str]], Mapping[str, V]],
        *,
        max_keys: int,
        linger_seconds: float,
        wait_seconds: float,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._max_keys = max_keys
        self._linger_seconds = linger_seconds
        self._wait_seconds = wait_seconds
        self._turn = turn
        self._clock = clock
        self._lock = threading.Lock()
        self._open: _Batch[V] | None = None

    def load(self, key: str) -> V | None:
        """Look up `key`. Returns None if the result of `fetch` does not have it.

        Raises a copy of the error that `fetch` raised for this key, and `TransientError` if there
        is no outcome within `wait_seconds`.
        """
        with self._lock:
            is_first = self._open is None
            batch = self._open = self._open or _Batch(self._clock() + self._wait_seconds)
            outcome = batch.outcomes.setdefault(key, Future())
            if len(batch.outcomes) >= self._max_keys:
                self._open = None
                batch.full.set()
        if is_first:
            self._run_batch(batch)
        try:
            error = outcome.exception(timeout=max(0.0, batch.deadline - self._clock()))
        except TimeoutError:  # of the wait: an error of `fetch` is returned, not raised
            raise self._late_error() from None
        if error is not None:
            raise _copy_error(error) from error
        return outcome.result()

    def _run_batch(self, batch: _Batch[V]) -> None:
        """Set the outcome of each of its keys."""
        batch.full.wait(self._linger_seconds)
        try:
            self._fetch_or_split(batch)
        finally:  # also if this thread is stopped, so that no caller waits until the deadline
            self._close(batch)
            unset = (outcome for outcome in batch.outcomes.values() if not outcome.done())
            _fail(unset, self._late_error())

    def _close(self, batch: _Batch[V]) -> list[str]:
        """Let no more keys join the batch, and return those that it has."""
        with self._lock:
            if self._open is batch:
                self._open = None
            return list(batch.outcomes)

    def _fetch_or_split(self, batch: _Batch[V]) -> None:
        """Close the batch and call `fetch` for its keys, and for halves of refused calls.

        Ends at the deadline.
        Breadth first: most keys have an outcome before the refused key is isolated.
        """
        calls: deque[list[str]] = deque([[]])  # empty: all keys, when the turn comes
        while calls:
            keys = calls.popleft()
            try:
                with self._turn():
                    keys = keys or self._close(batch)
                    values = self._fetch(keys)
            except PermanentError as error:
                if len(keys) == 1:
                    _fail([batch.outcomes[keys[0]]], error)
                else:
                    middle = len(keys) // 2
                    calls += [keys[:middle], keys[middle:]]
            except Exception as error:  # noqa: BLE001  # the callers raise it
                _fail([batch.outcomes[key] for key in keys or self._close(batch)], error)
            else:
                for key in keys:
                    batch.outcomes[key].set_result(values.get(key))
            if self._clock() >= batch.deadline:
                return

    def _late_error(self) -> TransientError:
        return TransientError(
            f"The lookup had no outcome within {self._wait_seconds:g} s: VideoVector was slow, or "
            f"refused other keys of the same batch."
        )


def _fail(outcomes: Iterable[Future[V]], error: Exception) -> None:
    for outcome in outcomes:
        outcome.set_exception(error)


def _copy_error(error: BaseException) -> BaseException:
    """Copy an error, so that each caller has its own traceback and notes."""
    copy = type(error).__new__(type(error), *error.args)
    copy.__dict__.update(error.__dict__)
    return copy
