"""Benchmark of `receive_webhook` under functions-framework: one publish for each delivery."""

import hashlib
import hmac
import json
import tempfile
import uuid
from dataclasses import dataclass

from infra.local.clouds.emulators import Emulators
from infra.local.processes.functions import Function
from tests.bench.bridge import prepare_cloud
from tests.bench.posting import Post, post_all
from tests.bench.row import Row, measure_session

_SECRET = "whsec_bench"  # pragma: allowlist secret
_ACCEPTED = 204
_WARM_UP = 50


@dataclass(frozen=True, slots=True)
class DeliveryLoad:
    """Deliveries, `at_once` of them concurrent, to an instance that accepts `max_deliveries`."""

    deliveries: int
    at_once: int
    max_deliveries: int
    threads: int

    @property
    def name(self) -> str:
        """The name of the row."""
        return f"webhook, {self.at_once} at once, {self.max_deliveries} places"


def receive_deliveries(load: DeliveryLoad, emulators: Emulators | None) -> Row:
    """Send each delivery until it is accepted, like the vendor: 503 is retried."""
    with tempfile.TemporaryDirectory() as folder:
        function = Function(
            "webhook-bench",
            "receive_webhook",
            {
                **prepare_cloud(emulators, folder),
                "WEBHOOK_SECRETS": _SECRET,
                "MAX_DELIVERIES": str(load.max_deliveries),
                "THREADS": str(load.threads),
            },
        )
        function.start()
        try:
            function.wait()
            post_all(function.url, [_delivery() for _ in range(_WARM_UP)], 4, _ACCEPTED)
            before = measure_session(function.session())
            deliveries = [_delivery() for _ in range(load.deliveries)]
            posted = post_all(function.url, deliveries, load.at_once, _ACCEPTED)
            after = measure_session(function.session())
        finally:
            function.close()
    backend = "embedded" if emulators is None else "emulators"
    return Row(
        f"{load.name}, {backend}",
        load.deliveries / posted.seconds,
        (after.cpu_seconds - before.cpu_seconds) / load.deliveries * 1e6,
        after.peak_mb,
        *posted.percentiles,
        posted.statuses[503],
    )


def _delivery() -> Post:
    event = {
        "id": f"whe_{uuid.uuid4().hex}",
        "event": "media.processing.completed",
        "data": {"video_id": "vid_0123456789ab", "run_id": f"run_{uuid.uuid4().hex[:4]}"},
        "created_at": "2026-01-01T00:00:00.000000Z",
        "api_version": "2026-01-01",
    }
    body = json.dumps(event).encode()
    signature = hmac.new(_SECRET.encode(), body, hashlib.sha256).hexdigest()
    return body, {
        "Content-Type": "application/json",
        "X-Webhook-ID": "whk_bench",
        "X-Webhook-Signature": f"sha256={signature}",
    }
