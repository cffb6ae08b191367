"""Deliveries to `receive_webhook` under functions-framework: one publish each, then an answer."""

import hashlib
import hmac
import http.client
import json
import tempfile
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import quantiles
from urllib.parse import urlsplit

from infra.local.emulators import Emulators
from infra.local.functions import Function
from tests.bench.bridge import cloud_environment
from tests.bench.row import Row, usage_of_session

_SECRET = "whsec_bench"  # pragma: allowlist secret
_TIMEOUT_SECONDS = 60.0
_WARM_UP = 50


@dataclass(frozen=True, slots=True)
class Load:
    """So many deliveries, `at_once` of them under way, to an instance that takes `places`."""

    deliveries: int
    at_once: int
    places: int
    threads: int

    @property
    def name(self) -> str:
        """What the row is called."""
        return f"webhook, {self.at_once} at once, {self.places} places"


def receive_deliveries(load: Load, emulators: Emulators | None) -> Row:
    """Deliver, each until it is taken, as the vendor does: 503 comes again after its Retry-After.

    Raises `RuntimeError` if an answer is neither 204 nor 503.
    """
    with tempfile.TemporaryDirectory() as folder:
        function = Function(
            "webhook-bench",
            "receive_webhook",
            {
                **cloud_environment(emulators, folder),
                "WEBHOOK_SECRETS": _SECRET,
                "MAX_DELIVERIES": str(load.places),
                "THREADS": str(load.threads),
            },
        )
        function.start()
        try:
            function.wait()
            _deliver(function.url, [_body() for _ in range(_WARM_UP)], 4)
            before = usage_of_session(function.session())
            bodies = [_body() for _ in range(load.deliveries)]
            started = time.perf_counter()
            milliseconds, statuses = _deliver(function.url, bodies, load.at_once)
            seconds = time.perf_counter() - started
            after = usage_of_session(function.session())
        finally:
            function.close()
    if set(statuses) - {204, 503} or statuses[204] != load.deliveries:
        raise RuntimeError(f"Deliveries ended otherwise than taken or put off: {statuses}")
    backend = "embedded" if emulators is None else "Pub/Sub emulator"
    middle, high = _percentiles(milliseconds)
    return Row(
        f"{load.name}, {backend}",
        load.deliveries / seconds,
        (after.cpu_seconds - before.cpu_seconds) / load.deliveries * 1e6,
        after.peak_mb,
        middle,
        high,
        statuses[503],
    )


def _body() -> bytes:
    event = {
        "id": f"whe_{uuid.uuid4().hex}",
        "event": "media.processing.completed",
        "data": {"video_id": "vid_0123456789ab", "run_id": f"run_{uuid.uuid4().hex[:4]}"},
        "created_at": "2026-01-01T00:00:00.000000Z",
        "api_version": "2026-01-01",
    }
    return json.dumps(event).encode()


def _deliver(url: str, bodies: list[bytes], at_once: int) -> tuple[list[float], Counter[int]]:
    """Deliver all; how long each that was taken took, and how often there was each status."""
    with ThreadPoolExecutor(at_once) as threads:
        shares = [bodies[first::at_once] for first in range(at_once)]
        found = list(threads.map(lambda share: _deliver_in_turn(url, share), shares))
    statuses: Counter[int] = Counter()
    for _, each in found:
        statuses += each
    return [one for times, _ in found for one in times], statuses


def _deliver_in_turn(url: str, bodies: list[bytes]) -> tuple[list[float], Counter[int]]:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(
        address.hostname or "", address.port, timeout=_TIMEOUT_SECONDS
    )
    taken: list[float] = []
    statuses: Counter[int] = Counter()
    for body in bodies:
        status = 503
        while status == 503:
            started = time.perf_counter()
            connection.request("POST", "/", body, _headers(body))
            answer = connection.getresponse()
            answer.read()
            status = answer.status
            statuses[status] += 1
            if status == 503:
                time.sleep(float(answer.headers["Retry-After"]))
        taken.append((time.perf_counter() - started) * 1_000)
    connection.close()
    return taken, statuses


def _headers(body: bytes) -> dict[str, str]:
    signature = hmac.new(_SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Webhook-ID": "whk_bench",
        "X-Webhook-Signature": f"sha256={signature}",
    }


def _percentiles(values: list[float]) -> tuple[float, float]:
    cuts = quantiles(values, n=100, method="inclusive")
    return round(cuts[49], 1), round(cuts[98], 1)
