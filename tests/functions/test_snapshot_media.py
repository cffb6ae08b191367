"""Snapshots: the document of a video, the number of calls, and failures of single videos."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.support.contexts import Change, with_api, with_limits
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event, message_of
from videovector_bridge.api.calls import JSON_LIMIT
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.errors import (
    NotFound,
    RequestRefused,
    ResponseTooLarge,
    UnexpectedResponse,
    ValidationRefused,
)
from videovector_bridge.automate.actions import snapshot_media
from videovector_bridge.automate.actions.batch_loader import BatchLoader
from videovector_bridge.automate.context import Context
from videovector_bridge.backends.ports import Document
from videovector_bridge.errors import PermanentError

Deploy = Callable[[str], DeployedFunction]
SNAPSHOT = """
[[automation]]
name = "documents"
on = ["media.processing.*", "processing.video_*"]
[automation.snapshot_media]
video_id = "{event.video_id}"
"""
BATCHES = ("POST /videos/batch", "POST /videos/batch/status", "POST /videos/batch/segments")


def ready(deploy: Deploy) -> DeployedFunction:
    """`snapshot_media` with its automation."""
    deployed = deploy("snapshot_media")
    deployed.automations(SNAPSHOT)
    return deployed


@pytest.fixture
def snapshots(deploy: Deploy) -> DeployedFunction:
    """The function over each backend in turn."""
    return ready(deploy)


@pytest.fixture
def embedded(deploy_embedded: Deploy) -> DeployedFunction:
    """The function over the embedded backend."""
    return ready(deploy_embedded)


def videos(deployed: DeployedFunction) -> list[str]:
    """The videos that the stand-in has."""
    return list(deployed.standin.state.library.videos)


def about(video_id: Any, name: str = "evt_1", second: int = 0) -> dict[str, Any]:
    """An event about a video."""
    return event(name, second, event_type="processing.video_completed", video_id=video_id)


def stored(deployed: DeployedFunction, video_id: str) -> Document | None:
    """The document of a video."""
    return deployed.backend.documents.read("media", video_id, timeout=10)


def calls(deployed: DeployedFunction) -> list[int]:
    """How often each of the three batch helpers was called."""
    return [deployed.requests(each) for each in BATCHES]


def test_a_video_becomes_a_document(snapshots: DeployedFunction) -> None:
    """The document has the data of the batch helpers, and the event."""
    video_id = videos(snapshots)[0]

    assert snapshots.push(about(video_id)) == 200

    document = stored(snapshots, video_id)
    assert document is not None
    assert (document.fields["video_id"], document.fields["found"]) == (video_id, True)
    assert document.fields["title"].startswith("Recording")
    assert document.fields["status"] == "not_processed"
    assert document.fields["event"] == {
        "event_id": "evt_1",
        "event_type": "processing.video_completed",
        "created_at": "2026-01-01T00:00:00.000000+00:00",
    }
    assert "gif_data" not in document.fields
    assert calls(snapshots) == [1, 1, 1]


def test_a_redelivery_sends_no_request(snapshots: DeployedFunction) -> None:
    """Neither a redelivery nor an older event sends a request."""
    video_id = videos(snapshots)[0]
    snapshots.push(about(video_id, "evt_2", 2))
    before = stored(snapshots, video_id)

    assert snapshots.push(about(video_id, "evt_2", 2)) == 200
    assert snapshots.push(about(video_id, "evt_1", 1)) == 200

    assert calls(snapshots) == [1, 1, 1]
    after = stored(snapshots, video_id)
    assert before is not None
    assert after is not None
    assert (after.fields, after.revision) == (before.fields, before.revision)


def test_many_events_share_calls(embedded: DeployedFunction) -> None:
    """Events that arrive at once share the calls, and each video has its document."""
    both = videos(embedded)
    assert len(both) == 2

    assert push_all(embedded, both) == [200, 200]

    assert calls(embedded) == [1, 1, 1]
    for video_id in both:
        document = stored(embedded, video_id)
        assert document is not None
        assert document.fields["event"]["event_id"] == f"evt_{video_id}"


def test_first_events_share_one_batch_loader(
    embedded: DeployedFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Concurrent first events wait until the loader is open."""
    making: list[int] = []
    second = threading.Event()

    def slowly(*args: Any, **named: Any) -> BatchLoader[Any]:
        making.append(1)
        if len(making) > 1:
            second.set()
        second.wait(0.5)
        return BatchLoader(*args, **named)

    monkeypatch.setattr(snapshot_media, "BatchLoader", slowly)
    context = embedded.context
    together = threading.Barrier(8)

    def first(_: int) -> int:
        together.wait()
        return id(snapshot_media._get_batch_loader(context))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(first, range(8)))) == 1
    assert making == [1]


def test_first_events_share_one_context(embedded: DeployedFunction) -> None:
    """The context, and with it the batch loader, is opened once."""
    opened: list[Context] = []
    together = threading.Barrier(8)

    def count(context: Context) -> Context:
        opened.append(context)
        return context

    embedded.change(count)
    app = embedded.app

    def first(number: int) -> int:
        message = message_of(about("vid_none", f"evt_{number}"))
        together.wait()
        response = app.test_client().post("/", data=message.data, headers=dict(message.attributes))
        return response.status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(first, range(8))) <= {200, 503}
    assert len(opened) == 1


def test_a_video_that_is_not_there_has_a_document_too(snapshots: DeployedFunction) -> None:
    """The document states that VideoVector does not know the video."""
    assert snapshots.push(about("vid_none")) == 200

    document = stored(snapshots, "vid_none")
    assert document is not None
    assert document.fields["found"] is False


def test_a_slow_older_response_does_not_replace_a_newer_one(snapshots: DeployedFunction) -> None:
    """After a write by another attempt, the data is requested again."""
    video_id = videos(snapshots)[0]
    responses: list[Any] = []

    def slow(api: VideoVectorClient, ids: Any) -> Any:
        rows = api.batch_videos(ids)
        if not responses:
            newer = {"video_id": video_id, "title": "newer", "extra": 1}
            snapshots.backend.documents.write("media", video_id, newer, replaces=None, timeout=10)
        responses.append(rows)
        return rows

    snapshots.change(with_api(batch_videos=slow))

    assert snapshots.push(about(video_id)) == 200

    document = stored(snapshots, video_id)
    assert document is not None
    assert len(responses) == 2
    assert document.fields["title"].startswith("Recording")


def test_a_failing_api_means_redelivery(embedded: DeployedFunction) -> None:
    """The redelivery writes the document."""
    video_id = videos(embedded)[0]
    embedded.standin.control.faults(
        *({"on": BATCHES[1], "kind": "status", "status": 503} for _ in range(9))
    )

    assert embedded.push(about(video_id)) == 503
    assert stored(embedded, video_id) is None

    embedded.standin.control.clear_faults()
    assert embedded.push(about(video_id)) == 200
    assert stored(embedded, video_id) is not None


def in_one_batch(keys: int) -> Change:
    """Start each lookup only when it has so many keys."""
    return with_limits(batch_linger=60.0, batch_keys=keys)


def push_all(deployed: DeployedFunction, video_ids: list[str]) -> list[int]:
    """Push an event about each video, all in one batch. Returns the statuses."""
    deployed.change(in_one_batch(len(video_ids)))
    app = deployed.app

    def push(video_id: str) -> int:
        message = message_of(about(video_id, f"evt_{video_id}"))
        response = app.test_client().post("/", data=message.data, headers=dict(message.attributes))
        return response.status_code

    with ThreadPoolExecutor(len(video_ids)) as pool:
        return list(pool.map(push, video_ids))


def change_helper(
    deployed: DeployedFunction, helper: str, rows: Callable[[list[str]], list[dict[str, Any]]]
) -> None:
    """Let one of the batch helpers return other rows."""
    deployed.change(with_api(**{helper: lambda _, ids: rows(list(ids))}))


REFUSALS = [
    NotFound("unknown", status=404),
    RequestRefused("no", status=400),
    ValidationRefused("not that one", status=422),
    UnexpectedResponse("a row is no object", status=200),
    ResponseTooLarge("too many segments", status=200),
]
REFUSAL_CODES = {each.code for each in REFUSALS}


@pytest.mark.parametrize("helper", ["batch_videos", "batch_status", "batch_segments"])
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: each.code)
def test_a_refused_video_is_rejected_alone(
    embedded: DeployedFunction,
    helper: str,
    refusal: PermanentError,
) -> None:
    """The other videos of its batch have documents, for each helper and error."""
    video_ids = [f"v{number}" for number in range(5)]

    def rows(ids: list[str]) -> list[dict[str, Any]]:
        if "v3" in ids:
            raise refusal
        return [{"video_id": id_} for id_ in ids]

    change_helper(embedded, helper, rows)

    assert push_all(embedded, video_ids) == [200] * 5

    (rejected,) = embedded.published("rejected")
    attributes = rejected.attributes
    assert (attributes["reason"], attributes["code"]) == (refusal.owner, refusal.code)
    assert json.loads(rejected.data)["video_id"] == "v3"
    assert [id_ for id_ in video_ids if stored(embedded, id_) is None] == ["v3"]


RESPONSES = {
    "404": httpx.Response(404, json={"detail": "Video not found"}),
    "422": httpx.Response(422, json={"detail": [{"msg": "not an id"}]}),
    "451 of a proxy": httpx.Response(451, text="<html>"),
    "row that is no object": httpx.Response(200, json=["v1"]),
    "no JSON": httpx.Response(200, text="<html>"),
    "too large": httpx.Response(200, content=b" " * (JSON_LIMIT + 1)),
}


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_an_error_response_rejects_only_the_video_that_causes_it(
    embedded: DeployedFunction, response: httpx.Response
) -> None:
    """An error response to any call with that video rejects only that video."""

    def handle(request: httpx.Request) -> httpx.Response:
        ids = json.loads(request.content)["video_ids"]
        if "v1" in ids and request.url.path.endswith("/status"):
            return httpx.Response(response.status_code, content=response.content)
        return httpx.Response(200, json=[{"video_id": id_, "title": f"<{id_}>"} for id_ in ids])

    http = httpx.Client(transport=httpx.MockTransport(handle))
    client = VideoVectorClient("https://api.example.test/api/v2", lambda: "key", http=http)
    context = in_one_batch(4)(replace(embedded.context, api=client))
    loader = snapshot_media._get_batch_loader(context)

    def title(video_id: str) -> str:
        try:
            return str((loader.load(video_id) or {})["title"])
        except PermanentError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        titles = list(pool.map(title, ["v0", "v1", "v2", "v3"]))

    assert titles.pop(1) in REFUSAL_CODES
    assert titles == ["<v0>", "<v2>", "<v3>"]


def test_videos_whose_rows_are_too_many_together(embedded: DeployedFunction) -> None:
    """They are requested in smaller batches, and none is rejected."""
    video_ids = [f"v{number}" for number in range(5)]

    def rows(ids: list[str]) -> list[dict[str, Any]]:
        if len(ids) > 2:
            raise ResponseTooLarge("too many segments", status=200)
        return [{"video_id": id_, "segments": [{"segment_id": "s"}]} for id_ in ids]

    change_helper(embedded, "batch_segments", rows)

    assert push_all(embedded, video_ids) == [200] * 5

    assert embedded.published("rejected") == []
    documents = [stored(embedded, id_) for id_ in video_ids]
    assert [each and each.fields["segments"]["total"] for each in documents] == [1] * 5


def test_odd_rows_are_ignored(snapshots: DeployedFunction) -> None:
    """Rows without a valid video_id are ignored, and invalid values are omitted."""
    odd: list[dict[str, Any]] = [{"title": "whose?"}, {"video_id": ["v0"]}, {"video_id": {"a": 1}}]
    deep: Any = 2**64
    for _ in range(100):
        deep = {"inner": [deep]}
    row = {"video_id": "v0", "title": deep, "marker": {"note": "n" * 2_000_000}, "status": "failed"}
    status = {"video_id": "v0", "processing_status": [{"run_id": "r", "total_segments": 2**64}]}
    change_helper(snapshots, "batch_videos", lambda _: [*odd, row, *odd])
    change_helper(snapshots, "batch_status", lambda _: [*odd, status])

    assert snapshots.push(about("v0")) == 200

    document = stored(snapshots, "v0")
    assert document is not None
    assert (document.fields["title"], document.fields["status"]) == (None, "failed")
    assert len(document.fields["marker"]["note"]) == 1_000
    assert document.fields["runs"][0]["total_segments"] is None


@pytest.mark.parametrize("video_id", ["", 5, ["a"], "v" * 1_001])
def test_a_snapshot_of_nothing_is_rejected(embedded: DeployedFunction, video_id: object) -> None:
    """The automation has no valid video_id; the user can correct it."""
    embedded.automations(SNAPSHOT.replace("event.video_id", "event.payload.id"))
    one = {**about("v"), "payload": {"id": video_id}}

    assert embedded.push(json.loads(json.dumps(one))) == 200

    (rejected,) = embedded.published("rejected")
    assert (rejected.attributes["reason"], rejected.attributes["code"]) == ("user", "no_target")
