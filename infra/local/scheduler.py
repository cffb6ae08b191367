"""The local Cloud Scheduler: calls `drain` for each stream repeatedly."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from infra.local.processes.loopback import request


@dataclass(frozen=True, slots=True)
class DrainCall:
    """One call of `drain`; `response` is None if the process ended before it responded."""

    stream: str
    status: int | None
    response: dict[str, Any] | None
    seconds: float


class Scheduler:
    """Calls `drain` for every stream, `pause_seconds` after its last call has ended.

    As with Cloud Scheduler, streams do not wait for each other; unlike there, a stream never has
    two calls at once. `on_call` receives each call, from several threads.
    """

    def __init__(
        self,
        url: str,
        streams: Iterable[str],
        *,
        pause_seconds: float,
        attempt_seconds: float,
        on_call: Callable[[DrainCall], None],
    ) -> None:
        self._url = url
        self._pause_seconds = pause_seconds
        self._attempt_seconds = attempt_seconds
        self._on_call = on_call
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._run, args=[stream], name=f"scheduler-{stream}", daemon=True
            )
            for stream in streams
        ]

    def start(self) -> None:
        """Start with a call for each stream."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Make no further call, and pass none to `on_call`."""
        self._stopped.set()

    def _run(self, stream: str) -> None:
        while not self._stopped.is_set():
            call = self._call(stream)
            if self._stopped.is_set():
                return
            self._on_call(call)
            self._stopped.wait(self._pause_seconds)

    def _call(self, stream: str) -> DrainCall:
        started = time.monotonic()
        status, response = None, None
        body = json.dumps({"stream": stream}).encode()
        try:
            status, content = request(self._url, body, timeout=self._attempt_seconds)
            response = json.loads(content)
        except (OSError, HTTPException, ValueError):
            # No complete response: the process ended.
            response = None
        return DrainCall(stream, status, response, time.monotonic() - started)
