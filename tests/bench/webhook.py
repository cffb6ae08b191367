"""Deliveries to `receive_webhook` under functions-framework: one publish each, then an answer."""

import hashlib
import hmac
import json
import tempfile
import uuid
from dataclasses import dataclass

from infra.local.clouds.emulators import Emulators
from infra.local.processes.functions import Function
from tests.bench.bridge import cloud_environment
from tests.bench.posting import Post, post_all
from tests.bench.row import Row, usage_of_session

_SECRET = "whsec_bench"  # pragma: allowlist secret
_ACCEPTED = 204
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
    """Deliver, each until it is accepted, as the vendor does: 503 is retried after Retry-After."""
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
            post_all(function.url, [_delivery() for _ in range(_WARM_UP)], 4, _ACCEPTED)
            before = usage_of_session(function.session())
            deliveries = [_delivery() for _ in range(load.deliveries)]
            posted = post_all(function.url, deliveries, load.at_once, _ACCEPTED)
            after = usage_of_session(function.session())
        finally:
            function.close()
    backend = "embedded" if emulators is None else "Pub/Sub emulator"
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
