"""Starts a function and sends its first request, as Cloud Run does when there is no instance."""

import hashlib
import hmac
import http.client
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local.clouds.emulated import EmulatedCloud
from infra.local.processes.functions import LOGS
from infra.local.processes.loopback import free_port
from infra.local.processes.process import Process
from tests.bench.cases import CASES
from tests.bench.cold_start.entry_points import EntryPoint
from tests.bench.row import measure_session

SECRET_NAME: Final = "projects/bench/secrets/webhook"  # pragma: allowlist secret
WEBHOOK_SECRET: Final = "whsec_bench"  # pragma: allowlist secret
_REQUEST_SECONDS: Final = 120.0
_PUBLISH_SECONDS: Final = 10.0
_PUBLISHERS: Final = ("drain", "receive_webhook")
_POLL_SECONDS: Final = 0.002

Request = tuple[bytes, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from the start of the process: to the first response, and to the first event.

    `published` is when Pub/Sub has the event, for functions that publish what they receive. `cpu`
    is the CPU time until the response, of all processes of the function.
    """

    answered: float
    cpu: float
    published: float | None


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts functions of one package. `prefix` limits their CPU time; `environment` is shared."""

    python: Path
    source: Path
    environment: Mapping[str, str]
    cloud: EmulatedCloud
    prefix: Sequence[str] = ()

    def start(self, entry_point: EntryPoint) -> Start:
        """Start a process, send it one request, and stop it. Raises `RuntimeError`."""
        self.cloud.observe("events")  # those of earlier starts
        stream = f"s{uuid.uuid4().hex[:8]}"
        environment = {**self.environment, "STREAMS": json.dumps({stream: {"max_events": 1}})}
        if entry_point.action:
            environment |= CASES[entry_point.action].environment
            environment["AUTOMATIONS_FILE"] = str(self.source.parent / f"{entry_point.action}.toml")
        body, headers = _build_request(entry_point, stream)
        port = free_port()
        started_at, started = time.time(), time.monotonic()
        with self._serving(entry_point, port, environment) as process:
            status, text = _post(port, body, headers, process)
            answered = time.monotonic() - started
            cpu = measure_session(process.session()).cpu_seconds
            if status not in (200, 204):
                raise RuntimeError(
                    f"{entry_point.name} returned {status}: {text[:500]!r} ({process.last_line()})"
                )
        if entry_point.name not in _PUBLISHERS:
            return Start(answered, cpu, None)
        return Start(answered, cpu, self._first_published() - started_at)

    @contextmanager
    def _serving(
        self, entry_point: EntryPoint, port: int, environment: Mapping[str, str]
    ) -> Iterator[Process]:
        command = [
            *(*self.prefix, str(self.python), "-m", "functions_framework"),
            *("--source", str(self.source), "--target", entry_point.name),
            *("--host", "127.0.0.1", "--port", str(port)),
        ]
        log = LOGS / "cold_start" / f"{entry_point.name}.log"
        folder = self.source.parent
        process = Process(command, environment=environment, folder=folder, log=log)
        try:
            yield process
        finally:
            process.stop()

    def _first_published(self) -> float:
        deadline = time.monotonic() + _PUBLISH_SECONDS
        while not (messages := self.cloud.observe("events")):
            if time.monotonic() > deadline:
                raise RuntimeError("The function responded, but no event is on topic `events`.")
            time.sleep(0.02)
        return min(message.published_at.timestamp() for message in messages)


def _build_request(entry_point: EntryPoint, stream: str) -> Request:
    if entry_point.action:
        return CASES[entry_point.action].post()
    if entry_point.name == "receive_webhook":
        return _build_delivery()
    if entry_point.name == "drain":
        return json.dumps({"stream": stream}).encode(), {"Content-Type": "application/json"}
    return b"", {"Content-Type": "application/json"}


def _build_delivery() -> Request:
    event = {
        "id": f"whe_{uuid.uuid4().hex}",
        "event": "media.processing.completed",
        "data": {"video_id": "vid_0123456789ab", "run_id": "run_0123456789ab"},
        "created_at": "2026-01-01T00:00:00.000000Z",
        "api_version": "2026-01-01",
    }
    body = json.dumps(event).encode()
    signature = hmac.new(WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
    return body, {
        "Content-Type": "application/json",
        "X-Webhook-ID": "whk_bench",
        "X-Webhook-Signature": f"sha256={signature}",
    }


def _post(
    port: int, body: bytes, headers: Mapping[str, str], process: Process
) -> tuple[int, bytes]:
    """Connect as soon as the process listens, and send the request. Raises `RuntimeError`."""
    deadline = time.monotonic() + _REQUEST_SECONDS
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_REQUEST_SECONDS)
    while True:
        try:
            connection.connect()
            break
        except ConnectionRefusedError:
            if process.ended() or time.monotonic() > deadline:
                raise RuntimeError(f"It did not start: {process.last_line()}") from None
            time.sleep(_POLL_SECONDS)
    try:
        connection.request("POST", "/", body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
