"""The bridge itself: `drain` under functions-framework, over a flood of the stand-in."""

import json
import tempfile
import uuid
from typing import Any

import grpc
import httpx
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from infra.local.clouds.emulators import Emulators
from infra.local.processes.functions import Function
from infra.local.processes.upstream import Upstream
from infra.standin import FLOOD_EVENT_TYPE
from tests.bench.row import Row, usage_of_session

_WINDOW_SECONDS = 300


def drain_flood(upstream: Upstream, events: int, lanes: int, emulators: Emulators | None) -> Row:
    """Drain `events` in one window, cursor and lease on; embedded where there are no emulators."""
    with tempfile.TemporaryDirectory() as folder:
        function = Function(
            "drain-bench",
            "drain",
            {
                **cloud_environment(emulators, folder),
                "VIDEO_VECTOR_BASE_URL": upstream.api_url,
                "VIDEO_VECTOR_API_KEY": upstream.key,
                "WINDOW_SECONDS": str(_WINDOW_SECONDS),
                "STREAMS": json.dumps(_streams(events)),
                "LANES": str(lanes),
            },
        )
        function.start()
        try:
            function.wait()
            # The first window loads Google's libraries; that is a cold start, and not the rate.
            _drain(function, "warm-up")
            before = usage_of_session(function.session())
            answer = _drain(function, "bench")
            after = usage_of_session(function.session())
        finally:
            function.close()
    if answer.get("published") != events:
        raise RuntimeError(f"The bench did not drain its {events} events: {answer}")
    backend = "embedded" if emulators is None else "Pub/Sub emulator"
    return Row(
        f"bridge, {lanes} lane{'s' if lanes > 1 else ''}, {backend}",
        events / answer["window_seconds"],
        (after.cpu_seconds - before.cpu_seconds) / events * 1e6,
        after.peak_mb,
    )


def cloud_environment(emulators: Emulators | None, folder: str) -> dict[str, str]:
    """The variables of a backend that is new: a project at the emulators, or a folder."""
    if emulators is None:
        return {"BACKEND": "embedded", "EMBEDDED_DIR": folder, "PREVIEW_BUCKET": "previews"}
    project = f"bench-{uuid.uuid4().hex[:8]}"
    _make_topics(emulators, project)
    return {"BACKEND": "gcp", "GOOGLE_CLOUD_PROJECT": project, **emulators.environment}


def _streams(events: int) -> dict[str, Any]:
    """Two streams of the same events; settings refuse two with the same filters."""
    warm_up = {"event_types": [FLOOD_EVENT_TYPE], "max_events": 1_000}
    return {"warm-up": warm_up, "bench": {"max_events": events}}


def _drain(function: Function, stream: str) -> dict[str, Any]:
    answer = httpx.post(function.url, json={"stream": stream}, timeout=_WINDOW_SECONDS + 10)
    found: dict[str, Any] = answer.json()
    return found


def _make_topics(emulators: Emulators, project: str) -> None:
    channel = grpc.insecure_channel(emulators.pubsub_host)
    client = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    for topic in ("events", "rejected", "media-urls"):
        client.create_topic(name=f"projects/{project}/topics/{topic}")
    channel.close()
