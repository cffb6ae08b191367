"""The vendor's SDK against the stand-in: results, and typed errors."""

import base64
import io
from collections.abc import Iterator

import pytest
import videovector
from PIL import Image
from videovector import VideoVector

from infra.standin import StandIn, StandInConfig
from tests.support.standin_api import download, open_sdk, request

SHAPES = ("nested", "flat", "detail")


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    """A stand-in with two finished runs."""
    with StandIn(StandInConfig(grants_per_object=2)) as running:
        running.control.runs(2, videos_per_run=3)
        yield running


@pytest.fixture
def client(standin: StandIn) -> Iterator[VideoVector]:
    """The SDK with a `read` key."""
    with open_sdk(standin, "read") as client:
        yield client


def processed_video_ids(client: VideoVector) -> list[str]:
    """Return the ids of the playground's videos, which are processed before the start."""
    return [video.video_id for video in client.videos.list_playground().data]


def test_playground_pages_cover_every_video_once(client: VideoVector) -> None:
    """Small pages together have the same videos as one large page."""
    whole = processed_video_ids(client)
    first = client.videos.list_playground(limit=3)

    assert (len(first.data), first.has_more) == (3, True)
    assert whole == [video.video_id for video in first.auto_paging_iter()]
    assert len(whole) == StandInConfig().playground_videos


def test_batch_retrieve_returns_details_in_request_order(client: VideoVector) -> None:
    """A batch has valid previews, in the order of the ids."""
    video_ids = list(reversed(processed_video_ids(client)[:3]))

    videos = client.videos.batch_retrieve(video_ids)

    assert video_ids == [video.video_id for video in videos]
    assert {"processed"} == {video.status for video in videos}
    for data, kind in ((videos[0].gif_data, "GIF"), (videos[0].first_thumbnail, "JPEG")):
        assert data is not None
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            picture.load()
            assert kind == picture.format


def test_batch_status_counts_add_up(client: VideoVector) -> None:
    """For every run of a video the segments by status add up to the total."""
    statuses = client.videos.batch_status(processed_video_ids(client))

    assert statuses
    for video in statuses:
        assert video.processing_status
        for run in video.processing_status:
            parts = run.pending_segments + run.processing_segments
            parts += run.successful_segments + run.failed_segments
            assert run.total_segments == parts
            assert run.status in {status.value for status in videovector.PromptRunStatus}


def test_batch_segments_by_video_and_by_run(client: VideoVector) -> None:
    """Segments are those of a video or of one of its runs, and name their run."""
    video_id = processed_video_ids(client)[0]
    (latest,) = client.videos.batch_segments([video_id])
    target = videovector.BatchVideoSegmentsTarget(video_id=video_id, run_id=latest.run_id)
    other = videovector.BatchVideoSegmentsTarget(video_id=video_id, run_id="run_unknown")

    (scoped,) = client.videos.batch_segments_for_targets([target])
    (unknown,) = client.videos.batch_segments_for_targets([other])

    assert StandInConfig().segments_per_video == len(latest.segments)
    assert scoped == latest
    assert {"pending"} == {segment.segment_status for segment in unknown.segments}


@pytest.mark.parametrize(
    ("method_name", "limit"),
    [("batch_retrieve", 100), ("batch_status", 100), ("batch_segments", 50)],
)
def test_batches_are_limited(client: VideoVector, method_name: str, limit: int) -> None:
    """The documented number of ids is accepted; one more is a validation error."""
    method = getattr(client.videos, method_name)

    assert method(["vid_unknown"] * limit) == []
    with pytest.raises(videovector.ValidationError):
        method(["vid_unknown"] * (limit + 1))


def test_batch_segments_takes_ids_or_targets_but_not_both(standin: StandIn) -> None:
    """Both keys or neither is a validation error. The SDK never sends such a request."""
    bodies: list[object] = [
        {},
        {"video_ids": ["a"], "targets": [{"video_id": "a"}]},
        {"targets": []},
    ]

    responses = [
        request(standin, "POST", "/videos/batch/segments", scope="read", json=body)
        for body in bodies
    ]

    assert [response.status_code for response in responses] == [422, 422, 422]


def test_signed_url_downloads_the_object(client: VideoVector) -> None:
    """A signed URL returns the bytes without an API key."""
    (segments,) = client.videos.batch_segments(processed_video_ids(client)[:1])
    thumbnail = segments.segments[0].thumbnail_gcs_uri
    assert thumbnail is not None

    signed = client.videos.get_signed_url(thumbnail)
    response = download(signed.signed_url)

    assert signed.expires_at.endswith("Z")
    assert (response.status_code, response.headers["content-type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(response.content)) as picture:
        picture.load()
    assert download(signed.signed_url[:-1] + "x").status_code == 403


def test_signed_url_grants_are_limited_and_rotate(client: VideoVector) -> None:
    """Beyond the limit a grant is a conflict; `force_refresh` revokes the oldest instead."""
    uri = client.videos.list_playground().data[1].video_uri
    oldest = client.videos.get_signed_url(uri)
    client.videos.get_signed_url(uri)

    with pytest.raises(videovector.ConflictError):
        client.videos.get_signed_url(uri)
    fresh = client.videos.get_signed_url(uri, force_refresh=True)

    assert [download(grant.signed_url).status_code for grant in (oldest, fresh)] == [403, 200]


@pytest.mark.parametrize("uri", ["https://x/y", "gs://", "gs://bucket", "gs://bucket/"])
def test_signed_url_needs_a_gs_uri(client: VideoVector, uri: str) -> None:
    """Any form except gs://bucket/path is a validation error."""
    with pytest.raises(videovector.ValidationError):
        client.videos.get_signed_url(uri)


def test_signed_url_of_an_unknown_object_is_not_found(client: VideoVector) -> None:
    """A valid URI without an object is 404."""
    with pytest.raises(videovector.NotFoundError):
        client.videos.get_signed_url("gs://standin-media/nothing.mp4")


def test_playground_search_is_ranked_and_repeatable(standin: StandIn) -> None:
    """A text search is deterministic, ranked and limited by top_k. A search key suffices."""
    with open_sdk(standin, "search") as client:
        results = client.search.playground(query="the red car", top_k=5)
        again = client.search.playground(query="the red car", top_k=5)
        none = client.search.playground(query="xylophone")
        elsewhere = client.search.playground(query="the red car", run_id="run_unknown")

    scores = [result.similarity_score or 0 for result in results]
    assert results == again
    assert scores == sorted(scores, reverse=True)
    assert len(results) <= 5
    assert all("the" in result.text_content for result in results)
    assert none == elsewhere == []


def test_filter_search_has_the_same_results_in_both_styles(standin: StandIn) -> None:
    """Consecutive searches use the two documented page styles; the SDK reads both."""
    condition: videovector.FilterCondition = {
        "field": "people",
        "operator": "greater_equal",
        "value": 2,
        "type": "integer",
    }
    with open_sdk(standin, "search") as client:
        first = client.search.filter_playground(conditions=[condition], page_size=100)
        second = client.search.filter_playground(conditions=[condition], page_size=100)
        page = client.search.filter_playground(conditions=[condition], page_size=2)
        rest = client.search.filter_playground(
            conditions=[condition], page_size=100, cursor=page.next_page_token
        )

    assert first.results == second.results == page.results + rest.results
    assert all((result.metadata or {})["people"] >= 2 for result in first.results)
    assert first.results


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, videovector.AuthenticationError),
        (403, videovector.AuthorizationError),
        (404, videovector.NotFoundError),
        (409, videovector.ConflictError),
        (422, videovector.ValidationError),
        (429, videovector.RateLimitError),
        (500, videovector.ExternalServiceError),
        (503, videovector.ExternalServiceError),
    ],
)
def test_every_error_is_typed_in_every_shape(
    standin: StandIn, client: VideoVector, status: int, error: type[Exception], shape: str
) -> None:
    """The SDK maps the status to its type for every shape; two shapes have the code."""
    fault = {"on": "POST /videos/batch", "kind": "status", "status": status, "shape": shape}
    standin.control.faults({**fault, "code": "custom_code", "message": "No"})

    with pytest.raises(error) as raised:
        client.videos.batch_retrieve(["vid_any"])

    assert isinstance(raised.value, videovector.VideoVectorError)
    assert status == raised.value.status_code
    expected = (None, "Unknown error") if shape == "detail" else ("custom_code", "No")
    assert expected == (raised.value.error_code, raised.value.message)
    assert (raised.value.request_id is None) == (shape == "detail")


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_understood_as_seconds_and_as_a_date(
    standin: StandIn, client: VideoVector, form: str
) -> None:
    """The SDK reads the same wait from both forms."""
    standin.control.faults(
        {"kind": "status", "status": 429, "retry_after": 250, "retry_after_form": form}
    )

    with pytest.raises(videovector.RateLimitError) as raised:
        client.videos.list_playground()

    # A date counts from now, so the time since the response is missing.
    assert raised.value.retry_after is not None
    assert 200 < raised.value.retry_after <= 251


def test_sdk_retries_after_a_fault(standin: StandIn) -> None:
    """A GET that gets 429 with Retry-After 0 succeeds in the second attempt."""
    standin.control.faults({"kind": "status", "status": 429, "retry_after": 0})
    with open_sdk(standin, "read", max_retries=1) as client:
        assert client.videos.list_playground().data


def test_wrong_and_missing_credentials_are_rejected(standin: StandIn) -> None:
    """An unknown key is 401, and so is a missing key."""
    with (
        open_sdk(standin, "read", api_key="sk_wrong") as client,
        pytest.raises(videovector.AuthenticationError),
    ):
        client.videos.list_playground()

    assert request(standin, "GET", "/markers").status_code == 401


def test_a_bearer_token_is_accepted(standin: StandIn) -> None:
    """The key is also accepted as Authorization: Bearer."""
    with VideoVector(bearer_token=standin.keys["read"], base_url=standin.api_url) as client:
        assert client.videos.list_playground().data


def test_a_search_key_cannot_read(standin: StandIn) -> None:
    """The lowest scope allows searches only."""
    with open_sdk(standin, "search") as client, pytest.raises(videovector.AuthorizationError):
        client.videos.list_playground()


def test_rate_limit_returns_429() -> None:
    """When the bucket is empty, the SDK raises its rate limit error with a wait."""
    config = StandInConfig(rate_limit_per_second=0.001, rate_limit_burst=2)
    with StandIn(config) as limited, open_sdk(limited, "read") as client:
        client.videos.list_playground()
        client.videos.list_playground()
        with pytest.raises(videovector.RateLimitError) as raised:
            client.videos.list_playground()

    assert raised.value.retry_after is not None
    assert 0 < raised.value.retry_after <= 1_000


def test_markers_show_on_their_targets(standin: StandIn, client: VideoVector) -> None:
    """The marker of a run shows as `marker`, that of a field in `metadata_markers`."""
    (before,) = client.videos.batch_segments(processed_video_ids(client)[:1])
    segment = before.segments[0]
    for body in (
        {"target_type": "run", "target_id": before.run_id, "color": "red", "note": "look"},
        {
            "target_type": "field",
            "target_id": segment.segment_id,
            "field_path": "people",
            "color": "blue",
        },
    ):
        request(standin, "PUT", "/markers", scope="write", json=body).raise_for_status()

    (after,) = client.videos.batch_segments([before.video_id])
    (video,) = client.videos.batch_retrieve([before.video_id])

    assert (after.segments[0].marker.color, after.segments[0].marker.note) == ("red", "look")
    assert after.segments[0].metadata_markers["people"].color == "blue"
    assert video.marker.color == "red"
