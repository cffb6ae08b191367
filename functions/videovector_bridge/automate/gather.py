"""The lookups of many threads, gathered into few calls."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

V = TypeVar("V")

_MOST_SECONDS: Final = 120.0  # a leader that never ends is a bug


class _Batch(Generic[V]):
    """Keys that one call will ask for."""

    def __init__(self) -> None:
        self.keys: dict[str, None] = {}
        self.full = threading.Event()
        self.answer: Future[Mapping[str, V]] = Future()


class Gatherer(Generic[V]):
    """Looks keys up through `fetch`, as many at once as ask within `linger_seconds`, `most` a call.

    Who comes first waits for others, and then calls for all. A key is looked up after it was asked
    for, never before. Safe for threads; without others, a lookup takes `linger_seconds` longer.
    """

    def __init__(
        self,
        fetch: Callable[[Sequence[str]], Mapping[str, V]],
        *,
        most: int,
        linger_seconds: float,
    ) -> None:
        self._fetch = fetch
        self._most = most
        self._linger_seconds = linger_seconds
        self._lock = threading.Lock()
        self._open: _Batch[V] | None = None

    def get(self, key: str) -> V | None:
        """Look `key` up; None when the call's answer does not hold it. Raises what `fetch` does."""
        with self._lock:
            leads = self._open is None
            batch = self._open = self._open or _Batch()
            batch.keys[key] = None
            if len(batch.keys) >= self._most:
                self._open = None
                batch.full.set()
        if leads:
            self._lead(batch)
        return batch.answer.result(timeout=_MOST_SECONDS).get(key)

    def _lead(self, batch: _Batch[V]) -> None:
        batch.full.wait(self._linger_seconds)
        with self._lock:
            if self._open is batch:
                self._open = None
        try:
            batch.answer.set_result(self._fetch(list(batch.keys)))
        except BaseException as error:  # who waits must hear of it, whatever it is
            batch.answer.set_exception(error)
            raise
