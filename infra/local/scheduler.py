"""A clock that plays Cloud Scheduler: it calls `drain` for each stream, over and over."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from infra.local.processes.loopback import ask


@dataclass(frozen=True, slots=True)
class Tick:
    """One call of `drain`: its answer, or None where the window was cut off."""

    stream: str
    status: int | None
    answer: dict[str, Any] | None
    seconds: float


class Clock:
    """Calls `drain` for every stream, `pause_seconds` after the call before has ended.

    As with Cloud Scheduler, streams do not wait for each other, and a stream has never two calls
    outstanding. `on_tick` hears of each call, from several threads.
    """

    def __init__(
        self,
        url: str,
        streams: Iterable[str],
        *,
        pause_seconds: float,
        attempt_seconds: float,
        on_tick: Callable[[Tick], None],
    ) -> None:
        self._url = url
        self._pause_seconds = pause_seconds
        self._attempt_seconds = attempt_seconds
        self._on_tick = on_tick
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=[stream], name=f"clock-{stream}", daemon=True)
            for stream in streams
        ]

    def start(self) -> None:
        """Begin at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Make no further call, and tell of none."""
        self._over.set()

    def _run(self, stream: str) -> None:
        while not self._over.is_set():
            tick = self._call(stream)
            if self._over.is_set():
                return
            self._on_tick(tick)
            self._over.wait(self._pause_seconds)

    def _call(self, stream: str) -> Tick:
        started = time.monotonic()
        status, answer = None, None
        body = json.dumps({"stream": stream}).encode()
        try:
            status, content = ask(self._url, body, timeout=self._attempt_seconds)
            answer = json.loads(content)
        except (OSError, HTTPException, ValueError):
            # No answer, or half of one: the process ended. That is what the tick says.
            answer = None
        return Tick(stream, status, answer, time.monotonic() - started)
