"""The stand-in's events that the streams' filters select: those that must be published."""

from collections.abc import Iterable

import httpx
import orjson

from infra.local.processes.upstream import Upstream
from videovector_bridge.api.stream import build_query
from videovector_bridge.settings.filters import StreamFilters
from videovector_bridge.settings.streams import StreamSettings

_READ_SECONDS = 30.0


def fetch_selected_ids(upstream: Upstream, streams: Iterable[StreamSettings]) -> frozenset[str]:
    """Return the ids of the events so far that the API sends for the streams' filters."""
    return frozenset(
        event_id for stream in streams for event_id in _fetch_ids(upstream, stream.filters)
    )


def _fetch_ids(upstream: Upstream, filters: StreamFilters) -> list[str]:
    ids: list[str] = []
    with httpx.stream(
        "GET",
        f"{upstream.api_url}/processing/events/stream",
        params=build_query(filters, "repeat"),
        headers={"X-API-Key": upstream.key, "Accept": "text/event-stream"},
        timeout=_READ_SECONDS,
        trust_env=False,
    ) as response:
        for line in response.raise_for_status().iter_lines():
            if line.startswith(":"):
                break  # A heartbeat: all events so far have been sent.
            if line.startswith("data:"):
                ids.append(orjson.loads(line.removeprefix("data:"))["event_id"])
    return ids
