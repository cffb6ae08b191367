"""Benchmark of `drain` under functions-framework, with many events of the stand-in."""

import json
import tempfile
import uuid
from typing import Any

import grpc
import httpx
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from infra.local.clouds.emulators import Emulators
from infra.local.processes.functions import LOGS, Function
from infra.local.processes.upstream import Upstream
from infra.standin import FLOOD_EVENT_TYPE
from tests.bench.measured import Measurement
from tests.bench.row import measure_session

_WINDOW_SECONDS = 300


def drain_flood(
    upstream: Upstream, events: int, lanes: int, emulators: Emulators | None
) -> Measurement:
    """Drain `events` in one window; without emulators on the embedded backend."""
    with tempfile.TemporaryDirectory() as folder:
        function = Function(
            "drain-bench",
            "drain",
            {
                **prepare_cloud(emulators, folder),
                "VIDEO_VECTOR_BASE_URL": upstream.api_url,
                "VIDEO_VECTOR_API_KEY": upstream.key,
                "WINDOW_SECONDS": str(_WINDOW_SECONDS),
                "STREAMS": json.dumps(_streams(events)),
                "LANES": str(lanes),
            },
            LOGS / "bench",
        )
        function.start()
        try:
            function.wait()
            # The first window loads Google's libraries, which is part of a cold start.
            _drain(function, "warm-up")
            before = measure_session(function.session())
            report = _drain(function, "bench")
            after = measure_session(function.session())
        finally:
            function.close()
    if report.get("published") != events:
        raise RuntimeError(f"The bench did not drain its {events} events: {report}")
    cpu_seconds = after.cpu_seconds - before.cpu_seconds
    return Measurement(events, report["window_seconds"], cpu_seconds, after.peak_mb)


def prepare_cloud(emulators: Emulators | None, folder: str) -> dict[str, str]:
    """Return the variables of an empty backend: a new project in the emulators, or `folder`."""
    if emulators is None:
        return {"BACKEND": "embedded", "EMBEDDED_DIR": folder, "PREVIEW_BUCKET": "previews"}
    project = f"bench-{uuid.uuid4().hex[:8]}"
    _make_topics(emulators, project)
    return {"BACKEND": "gcp", "GOOGLE_CLOUD_PROJECT": project, **emulators.environment}


def _streams(events: int) -> dict[str, Any]:
    """Two streams of the same events, with different filters because settings require that."""
    warm_up = {"event_types": [FLOOD_EVENT_TYPE], "max_events": 1_000}
    return {"warm-up": warm_up, "bench": {"max_events": events}}


def _drain(function: Function, stream: str) -> dict[str, Any]:
    response = httpx.post(function.url, json={"stream": stream}, timeout=_WINDOW_SECONDS + 10)
    report: dict[str, Any] = response.json()
    return report


def _make_topics(emulators: Emulators, project: str) -> None:
    channel = grpc.insecure_channel(emulators.pubsub_host)
    client = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    for topic in ("events", "rejected", "media-urls"):
        client.create_topic(name=f"projects/{project}/topics/{topic}")
    channel.close()
