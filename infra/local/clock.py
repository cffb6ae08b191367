"""A clock that plays Cloud Scheduler: it calls `drain` for each stream, over and over."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Tick:
    """One call of `drain`: its answer, or None where the window was cut off."""

    stream: str
    status: int | None
    answer: dict[str, Any] | None
    seconds: float


class Clock(threading.Thread):
    """Calls `drain` for every stream, `pause_seconds` after the call before has ended.

    As with Cloud Scheduler, a stream has never two calls outstanding. `on_tick` hears of each.
    """

    def __init__(
        self,
        url: str,
        streams: Sequence[str],
        *,
        pause_seconds: float,
        attempt_seconds: float,
        on_tick: Callable[[Tick], None],
    ) -> None:
        super().__init__(name="clock", daemon=True)
        self._url = url
        self._streams = streams
        self._pause_seconds = pause_seconds
        self._attempt_seconds = attempt_seconds
        self._on_tick = on_tick
        self._over = threading.Event()

    def run(self) -> None:
        """Tick until stopped."""
        with httpx.Client(timeout=self._attempt_seconds, trust_env=False) as http:
            while not self._over.is_set():
                for stream in self._streams:
                    self._on_tick(self._call(http, stream))
                self._over.wait(self._pause_seconds)

    def stop(self) -> None:
        """Make no further call."""
        self._over.set()

    def _call(self, http: httpx.Client, stream: str) -> Tick:
        started = time.monotonic()
        status, answer = None, None
        try:
            response = http.post(self._url, json={"stream": stream})
            status = response.status_code
            answer = response.json()
        except (httpx.HTTPError, ValueError):
            # No answer, or half of one: the process was killed or is being started.
            answer = None
        return Tick(stream, status, answer, time.monotonic() - started)
