"""The local Cloud Scheduler: calls functions repeatedly, `drain` for each stream."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from infra.local.processes.loopback import request

DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class Job:
    """A function to call, again `pause_seconds` after its last call has ended.

    `stream` is the one that `drain` drains; empty for the other functions. A call that lasts
    `attempt_seconds` is given up. The first call is after `first_seconds`.
    """

    function: str
    url: str
    pause_seconds: float
    attempt_seconds: float
    stream: str = ""
    first_seconds: float = 0

    @property
    def name(self) -> str:
        """What it calls, for people: the stream, or else the function."""
        return self.stream or self.function


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `response` is None if the process ended before it responded."""

    job: Job
    status: int | None
    response: dict[str, Any] | None
    seconds: float


def list_drain_jobs(
    url: str,
    streams: Iterable[str],
    *,
    pause_seconds: float,
    attempt_seconds: float,
    live: bool = False,
) -> list[Job]:
    """Return a job for each stream, or two that call in turn if the streams are live."""
    starts = (0, pause_seconds) if live else (0,)
    return [
        Job(DRAIN, url, pause_seconds, attempt_seconds, stream, start)
        for stream in streams
        for start in starts
    ]


class Scheduler:
    """Calls functions until stopped.

    As with Cloud Scheduler, jobs do not wait for each other; unlike there, a job never has two
    calls at once. `on_call` receives each call, from several threads.
    """

    def __init__(self, jobs: Sequence[Job], *, on_call: Callable[[Call], None]) -> None:
        self._on_call = on_call
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._run, args=[job], name=f"scheduler-{job.name}", daemon=True
            )
            for job in jobs
        ]

    def start(self) -> None:
        """Start with a call of each job, or with its wait."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Make no further call, and pass none to `on_call`."""
        self._stopped.set()

    def _run(self, job: Job) -> None:
        self._stopped.wait(job.first_seconds)
        while not self._stopped.is_set():
            call = _call(job)
            if self._stopped.is_set():
                return
            self._on_call(call)
            self._stopped.wait(job.pause_seconds)


def _call(job: Job) -> Call:
    started = time.monotonic()
    status, response = None, None
    body = json.dumps({"stream": job.stream}).encode() if job.stream else b""
    try:
        status, content = request(job.url, body, timeout=job.attempt_seconds)
        response = json.loads(content)
    except (OSError, HTTPException, ValueError):
        # No complete response: the process ended.
        response = None
    return Call(job, status, response, time.monotonic() - started)
