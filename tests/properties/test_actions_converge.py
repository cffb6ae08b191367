"""For any deliveries of a history, the shipped automations end as one in-order pass does."""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import ROOT
from videovector_bridge.api.models import Marker, Media, SegmentsTarget, SignedUrl
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.automate.context import Context, Limits
from videovector_bridge.automate.effects.effects import Effects
from videovector_bridge.automate.processing import process
from videovector_bridge.automate.received import IncomingMessage
from videovector_bridge.backends import BackendSettings, open_backend
from videovector_bridge.byte_budget import ByteBudget

SHIPPED = ROOT / "functions" / "automations.toml"
AUTOMATIONS = read_automations(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RUNS, VIDEOS = ("r1", "r2"), ("v1", "v2")
BUCKET = "bucket"


class Api:
    """VideoVector after the history. Only markers change."""

    def __init__(self) -> None:
        self.markers: dict[tuple[str, str], dict[str, Any]] = {}

    def upsert_marker(self, body: Mapping[str, Any]) -> Marker:
        """Set a marker."""
        target = body["target_type"], body["target_id"]
        fields = self.markers[target] = {"marker_id": f"m-{target}", **body}
        return Marker(fields["marker_id"], fields=fields)

    def list_markers(self) -> Iterator[Marker]:
        """All markers."""
        return iter([Marker(each["marker_id"], fields=each) for each in self.markers.values()])

    def delete_marker(self, marker_id: str) -> bool:
        """Delete one."""
        for target, each in list(self.markers.items()):
            if each["marker_id"] == marker_id:
                del self.markers[target]
        return True

    def signed_url(self, gcs_uri: str, **_: Any) -> SignedUrl:
        """Issue a URL."""
        return SignedUrl(gcs_uri, "https://storage.example/x", "2026-01-02T00:00:00Z")

    def gif(self, video_id: str) -> Media:
        """Return a different picture for each video."""
        return Media(f"GIF89a {video_id}".encode(), "image/gif")

    def thumbnail(self, segment_id: str) -> Media:
        """Return a different picture for each segment."""
        return Media(f"JPEG {segment_id}".encode(), "image/jpeg")

    def batch_videos(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Details."""
        return [{"video_id": id_, "title": f"title of {id_}"} for id_ in ids]

    def batch_status(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Status."""
        return [{"video_id": id_, "status": "processed"} for id_ in ids]

    def batch_segments(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Segments."""
        return [{"video_id": id_, "segments": self._segments(id_)} for id_ in ids]

    def batch_segments_for_targets(self, targets: Sequence[SegmentsTarget]) -> list[dict[str, Any]]:
        """The same, by target."""
        return self.batch_segments([target.video_id for target in targets])

    def playground_search(self, _query: str, top_k: int, _run_id: str | None) -> list[Any]:
        """Always the same matches."""
        return [{"result_id": f"match-{number}"} for number in range(min(3, top_k))]

    def playground_filter_search(self, _conditions: Any, **_: Any) -> list[Any]:
        """Another."""
        return [{"video_id": "v1", "segment_id": "v1-s1"}]

    def _segments(self, video_id: str) -> list[dict[str, Any]]:
        ids = [f"{video_id}-s{number}" for number in (1, 2)]
        return [{"segment_id": id_, "gcs_uri": f"gs://{BUCKET}/{id_}"} for id_ in ids]


class Bridge:
    """Subscriber functions with a backend and an API of their own."""

    def __init__(self, folder: str) -> None:
        self.api = Api()
        self.now = 1_000_000.0
        self.backend = open_backend(BackendSettings("embedded", "p", folder))
        self.published: set[tuple[str, str]] = set()
        topics = SimpleNamespace(publish=self._publish)
        effects = Effects(
            self.backend.documents,
            request_seconds=30,
            late_seconds=10,
            start_seconds=5,
            now=self._clock,
            sleep=lambda _: None,
        )
        names = SimpleNamespace(events="events", media_urls="media-urls", rejected="rejected")
        chosen = SimpleNamespace(
            api=SimpleNamespace(host="api"),
            topics=names,
            signed_url_buckets=frozenset({BUCKET}),
            signed_url_seconds=60,
            lanes=16,
            max_event_bytes=1_000_000,
        )
        backend = SimpleNamespace(
            topics=topics, documents=self.backend.documents, files=self.backend.files
        )
        context = Context(*cast("Any", (chosen, backend, self.api, effects, ByteBudget(1_000_000))))
        # One thread: no other event needs the lookup.
        self.context = replace(context, limits=Limits(batch_linger=0.0))

    def _clock(self) -> float:
        self.now += 1e-3
        return self.now

    def _publish(self, topic: str, messages: Sequence[Any], *, timeout: float) -> None:
        assert timeout > 0
        assert topic != "rejected", messages[0].attributes
        self.published |= {(topic, each.attributes["ce-id"]) for each in messages}

    def deliver(self, message: IncomingMessage, action: str) -> None:
        """One delivery to the function of one action."""
        process(self.context, AUTOMATIONS, ACTIONS[action], message)

    def state(self) -> dict[str, Any]:
        """Markers, previews and documents, without the time of looking."""
        files, documents = self.backend.files, self.backend.documents
        assert files is not None
        names = [f"videos/{id_}/{file}" for id_ in VIDEOS for file in ("preview.gif", "first.jpg")]
        previews = {name: files.find(name, timeout=5) for name in names}
        media = {id_: documents.read("media", id_, timeout=5) for id_ in VIDEOS}
        return {
            "markers": self.api.markers,
            "previews": {
                name: (each.content_type, each.md5) for name, each in previews.items() if each
            },
            "documents": {
                id_: {k: v for k, v in each.fields.items() if k != "snapshot_at"}
                for id_, each in media.items()
                if each
            },
            # Of previews that replace each other only some are announced.
            "published": {each for each in self.published if "preview_stored" not in each[1]},
        }


def message_of(
    number: int, event_type: str, run: str, video: str, second: int
) -> tuple[str, IncomingMessage]:
    """An event of a history: its sort key, and its message. Two sources use the same ids."""
    stamp = (BEGAN + timedelta(seconds=second)).isoformat()
    event_id, source = f"e{number // 2}", f"//api/{number % 2}"
    fields = {
        "event_id": event_id,
        "event_type": event_type,
        "run_id": run,
        "video_id": video if "video" in event_type or "segment" in event_type else None,
        "segment_id": f"{video}-s1" if "segment" in event_type else None,
        "created_at": stamp,
        "payload": {
            "gcs_uri": f"gs://{BUCKET}/{video}.mp4",
            "failed_segments": number % 2,
            "start_time": 0.0,
        },
    }
    message = IncomingMessage(
        id=event_id,
        source=source,
        type=f"com.vectormethods.{event_type}",
        time=stamp,
        channel="stream",
        data=json.dumps(fields).encode(),
        attributes={},
    )
    return f"{stamp} {event_id} {source}", message


types = st.sampled_from(
    [
        *("processing.run_failed", "processing.run_completed", "prompt_run.failed"),
        *("prompt_run.completed", "prompt_run.partial_completed", "processing.segment_completed"),
        *("processing.video_started", "processing.video_completed", "processing.video_failed"),
    ]
)
histories = st.lists(
    st.tuples(types, st.sampled_from(RUNS), st.sampled_from(VIDEOS), st.integers(0, 3)),
    min_size=1,
    max_size=7,
)


@settings(max_examples=150)
@given(histories, st.data())
def test_any_delivery_ends_as_the_one_in_order(
    history: list[tuple[str, str, str, int]], data: st.DataObject
) -> None:
    """Each function gets each event at least once, in any order."""
    events = [message_of(number, *each) for number, each in enumerate(history)]
    in_turn = [message for _, message in sorted(events, key=lambda each: each[0])]
    deliveries = [(each, action) for each in in_turn for action in ACTIONS]
    more = data.draw(st.lists(st.sampled_from(deliveries), max_size=6))
    shuffled = data.draw(st.permutations([*deliveries, *more]))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        in_order, shuffling = Bridge(one), Bridge(other)
        for each, action in deliveries:
            in_order.deliver(each, action)
        for each, action in shuffled:
            shuffling.deliver(each, action)

        assert shuffling.state() == in_order.state()
        before = shuffling.state()
        for each, action in deliveries:
            shuffling.deliver(each, action)
        assert shuffling.state() == before


def test_the_in_order_pass_is_not_empty() -> None:
    """A history leads to each kind of effect, so the comparison is not empty."""
    events = [
        message_of(0, "processing.run_failed", "r1", "v1", 0),
        message_of(1, "processing.run_failed", "r2", "v1", 0),
        message_of(2, "processing.run_completed", "r2", "v1", 1),
        message_of(3, "processing.video_completed", "r1", "v1", 1),
        message_of(4, "processing.segment_completed", "r1", "v2", 1),
    ]
    with tempfile.TemporaryDirectory() as folder:
        bridge = Bridge(folder)
        for _, each in events:
            for action in ACTIONS:
                bridge.deliver(each, action)
        state = bridge.state()

        assert list(state["markers"]) == [("run", "r1")]
        gif = hashlib.md5(b"GIF89a v1", usedforsecurity=False).hexdigest()
        assert state["previews"]["videos/v1/preview.gif"] == ("image/gif", gif)
        assert "videos/v2/first.jpg" in state["previews"]
        assert state["documents"]["v1"]["event"]["event_id"] == "e1"
        published = [topic for topic, name in bridge.published if "preview_stored" not in name]
        assert published.count("events") == 3
        assert published.count("media-urls") == 3
