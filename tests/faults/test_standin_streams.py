"""Faults of the stand-in, over real sockets: every event is published.

In real time, but independent of the machine's speed: windows end by a number of events, or are
repeated with twice the idle time until the cursor is as expected.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest

from infra.standin import StandIn, StandInConfig
from tests.support.watched_ports import WatchedTopics, watched
from tests.support.windows import NO_JITTER, document, make_settings, only_stream
from videovector_bridge.backends import Backend
from videovector_bridge.backends.ports import Message
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.window import drain_window

IDLE = 0.4
LONG_SECONDS = 600.0  # for windows that another limit ends


class Scene:
    """A stand-in, a backend, and windows over the one stream."""

    def __init__(self, standin: StandIn, backend: Backend) -> None:
        self.control = standin.control
        self.topics = WatchedTopics(backend.topics)
        self._backend = watched(backend, self.topics)
        self.environ: dict[str, Any] = {
            "VIDEO_VECTOR_BASE_URL": standin.api_url,
            "VIDEO_VECTOR_API_KEY": standin.keys["read"],
        }

    def window(self, **limits: Any) -> WindowReport:
        """Run a window until it reaches `limits`."""
        settings = make_settings(**self.environ)
        limits = {"window_seconds": LONG_SECONDS, "idle_seconds": LONG_SECONDS} | limits
        return asyncio.run(
            drain_window(settings, only_stream(settings, **limits), self._backend, tuning=NO_JITTER)
        )

    def window_to(self, event_id: str) -> WindowReport:
        """Windows until the cursor is there; the last one's report."""
        idle = IDLE
        while True:
            report = self.window(idle_seconds=idle)
            if report.cursor_after == event_id:
                return report
            idle *= 2

    def cursor(self) -> object:
        """The stream's cursor."""
        return document(self._backend)["cursor"]

    def happen(self, count: int) -> list[str]:
        """Let events happen; their ids."""
        return self.control.events(
            *({"run_id": f"run-{n % 5}", "payload": {"n": n}} for n in range(count))
        )


@contextmanager
def scene(backend: Backend, **config: Any) -> Iterator[Scene]:
    """Return a scene with a stand-in of this configuration."""
    with StandIn(StandInConfig(heartbeat_seconds=0.05, **config)) as standin:
        yield Scene(standin, backend)


FAULTS: list[list[dict[str, Any]]] = [
    [{"kind": "cut", "after_events": 3}, {"kind": "cut", "mid_frame": True, "after_events": 2}],
    [{"kind": "cut", "after_bytes": n, "reset": True} for n in (1, 700, 1_501)],
    [{"kind": "cut", "clean": True, "after_events": 4}] * 2,
    [{"kind": "status", "status": status} for status in (500, 502, 503)],
    [{"kind": "status", "status": 429, "retry_after": 0.2}],
    [{"kind": "stream_error", "after_events": 5}, {"kind": "stream_error"}],
    [{"kind": "drop", "reset": True}, {"kind": "drop"}],
    [{"kind": "garbage", "after_events": 3}],
    [{"kind": "oversize", "bytes": 12_000_000, "after_events": 2}],
    [{"kind": "no_id", "n": 3, "after_events": 2}],
    [{"kind": "duplicate", "n": 4, "after_events": 6}],
]


@pytest.mark.parametrize("faults", FAULTS, ids=range(len(FAULTS)))
def test_every_event_is_published(backend: Backend, faults: list[dict[str, Any]]) -> None:
    """Connections are cut, refused or dropped, frames doubled or spoilt: no event is lost."""
    with scene(backend) as it:
        ids = it.happen(20)
        it.control.faults(*({"on": "stream", **fault} for fault in faults))
        report = it.window_to(ids[-1])

        assert report.outcome == "drained"
        assert set(it.topics.ids()) == set(ids)
        assert it.cursor() == ids[-1]
        assert it.control.faults_left() == []
        assert it.window(idle_seconds=IDLE).published == 0


def of_topic(topics: WatchedTopics, name: str) -> list[Message]:
    """Return the messages on a topic."""
    return [message for topic, message in topics.stored if topic == name]


@pytest.mark.parametrize("max_frame_bytes", [4_194_304, 33_554_432], ids=["in parts", "at once"])
def test_a_large_event_is_stored_whole(backend: Backend, max_frame_bytes: int) -> None:
    """12 MB: the blob store has its data unchanged, with its event id."""
    assert backend.blobs is not None
    with scene(backend) as it:
        it.environ["MAX_FRAME_BYTES"] = str(max_frame_bytes)
        ids = it.happen(3)
        # As large on every connection: a slow store may need more than one window.
        it.control.faults({"on": "stream", "kind": "oversize", "bytes": 12_000_000, "times": None})
        it.window_to(ids[-1])
        claim = next(m for m in of_topic(it.topics, "events") if m.attributes["ce-id"] == ids[0])

        assert claim.attributes["ce-datasize"] == "12000000"
        assert claim.attributes["ce-runid"] == "run-0"
        data = backend.blobs.get(claim.attributes["ce-dataref"], timeout=LONG_SECONDS)
        assert len(data) == 12_000_000
        assert orjson.loads(data)["event_id"] == ids[0]


def test_a_large_event_without_a_bucket_is_rejected_whole(backend: Backend) -> None:
    """12 MB in parts on `rejected`, which together are what was sent; the others are published."""
    with scene(replace(backend, blobs=None)) as it:
        ids = it.happen(3)
        it.control.faults(
            {"on": "stream", "kind": "oversize", "bytes": 12_000_000, "after_events": 1}
        )
        it.window(max_events=3)
        parts = of_topic(it.topics, "rejected")
        data = b"".join(part.data for part in parts)

        assert set(it.topics.ids()) == {ids[0], ids[2]}
        assert it.cursor() == ids[-1]
        assert len(data) == 12_000_000
        assert orjson.loads(data)["event_id"] == ids[1]
        numbers = [int(part.attributes["part"]) for part in parts]
        assert numbers == list(range(1, len(parts) + 1))
        assert parts[-1].attributes["parts"] == str(len(parts))
        assert len(parts) > 1
        assert parts[-1].attributes["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("ids", ["event_id", "sequence", "none"])
@pytest.mark.parametrize("max_events", [1, 7, 1_000])
def test_the_ids_of_frames_may_be_anything(
    embedded_backend: Backend, ids: Any, max_events: int
) -> None:
    """Equal to event_id, a number, or none: windows of any size lose and repeat nothing."""
    with scene(embedded_backend, ids=ids) as it:
        happened = it.happen(9)
        for left in range(9, 0, -max_events):
            it.window(max_events=min(left, max_events))

        assert sorted(it.topics.ids()) == sorted(happened)


@pytest.mark.parametrize("status", [400, 404, 409, 410, 422])
@pytest.mark.parametrize("policy", ["fail", "latest", "earliest"])
def test_a_lost_cursor_under_each_policy(
    embedded_backend: Backend, status: int, policy: str
) -> None:
    """With any status: `fail` stays; the other policies report the gap and continue."""
    with scene(embedded_backend, cursor_status=status) as it:
        it.happen(3)
        it.window(max_events=3)
        before = it.cursor()
        it.happen(2)
        it.control.expire()
        later = it.happen(4)
        report = it.window(cursor_policy=policy, max_events=4)
        gaps = [m for _, m in it.topics.stored if m.attributes["ce-type"].endswith(".gap")]

        if policy == "fail":
            assert (report.stop_reason, it.cursor(), gaps) == ("cursor_refused", before, [])
        else:
            assert len(gaps) == 1
            assert it.cursor() == later[-1]
            assert set(later) <= set(it.topics.ids())


def test_filtered_traffic_moves_the_cursor(embedded_backend: Backend) -> None:
    """A stream whose events are all filtered out still follows, by id-only frames."""
    with scene(embedded_backend) as it:
        it.environ["streams"] = {"default": {"run_id": "no such run"}}
        ids = it.happen(5)
        report = it.window_to(ids[-1])

        assert (report.events, report.cursor_after) == (0, ids[-1])


def test_a_flood_is_published(embedded_backend: Backend) -> None:
    """Thousands of events in many batches and lanes: each once, each lane in order."""
    with scene(embedded_backend) as it:
        it.control.flood(20_000)
        report = it.window(max_events=20_000)
        ids = it.control.journal()["event_ids"]

        assert (report.events, report.published, report.cursor_after) == (20_000, 20_000, ids[-1])
        assert sorted(it.topics.ids()) == sorted(ids)
        place = {id_: n for n, id_ in enumerate(ids)}
        lanes: dict[str, int] = {}
        for _, message in it.topics.stored:
            at = place[message.attributes["ce-id"]]
            assert at > lanes.get(message.ordering_key, -1)
            lanes[message.ordering_key] = at
