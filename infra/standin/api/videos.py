"""Batches of videos, previews and signed URLs."""

from typing import Any

from infra.standin.api.views import Views
from infra.standin.errors import ApiError, invalid
from infra.standin.http.requests import ApiRequest
from infra.standin.http.responses import Response, json_response
from infra.standin.ids import timestamp
from infra.standin.library import media
from infra.standin.library.catalog import Video
from infra.standin.state import StandInState

_MAX_VIDEOS = 100
_MAX_SEGMENT_VIDEOS = 50
_MAX_URI_LENGTH = 2048


def retrieve_batch(state: StandInState, request: ApiRequest) -> Response:
    """POST /videos/batch. Unknown ids are omitted."""
    views = Views(state.records, state.markers)
    videos = _find_videos(state, _parse_video_ids(request.json_object(), _MAX_VIDEOS))
    return json_response([views.video_with_details(video) for video in videos])


def retrieve_batch_status(state: StandInState, request: ApiRequest) -> Response:
    """POST /videos/batch/status. Unknown ids are omitted."""
    views = Views(state.records, state.markers)
    videos = _find_videos(state, _parse_video_ids(request.json_object(), _MAX_VIDEOS))
    return json_response([views.video_status(video) for video in videos])


def retrieve_batch_segments(state: StandInState, request: ApiRequest) -> Response:
    """POST /videos/batch/segments, by video or by (video, run)."""
    body = request.json_object()
    if ("video_ids" in body) == ("targets" in body):
        raise invalid("Either video_ids or targets is required, not both")
    targets = (
        [(video_id, None) for video_id in _parse_video_ids(body, _MAX_SEGMENT_VIDEOS)]
        if "video_ids" in body
        else _parse_targets(body)
    )
    views = Views(state.records, state.markers)
    return json_response(
        [
            views.video_segments(state.library.videos[video_id], run_id)
            for video_id, run_id in targets
            if video_id in state.library.videos
        ]
    )


def get_gif(state: StandInState, request: ApiRequest) -> Response:
    """GET /videos/{video_id}/gif."""
    video_id = request.path["video_id"]
    if video_id not in state.library.videos:
        raise ApiError(404, "Video not found")
    return Response(media.gif(video_id), media_type="image/gif")


def get_thumbnail(state: StandInState, request: ApiRequest) -> Response:
    """GET /videos/segments/{segment_id}/thumbnail."""
    segment_id = request.path["segment_id"]
    if segment_id not in state.library.segments:
        raise ApiError(404, "Segment not found")
    return Response(media.jpeg(segment_id), media_type="image/jpeg")


def sign_url(state: StandInState, request: ApiRequest) -> Response:
    """POST /videos/signed-url."""
    gcs_uri, force_refresh = _parse_url_request(request.json_object())
    if gcs_uri not in state.library.objects:
        raise ApiError(404, "The object does not exist")
    grant = state.grants.issue(gcs_uri, rotate=force_refresh, now=request.now)
    return json_response(
        {"signed_url": grant.url(state.media_url), "expires_at": timestamp(grant.expires_at)}
    )


def download(state: StandInState, request: ApiRequest) -> Response:
    """GET of a signed URL: the bytes of the object. The query string is the credential."""
    gcs_uri = f"gs://{request.path['bucket']}/{request.path['path']}"
    state.grants.check(gcs_uri, request.query, request.now)
    stored = state.library.objects[gcs_uri]
    content = media.generate(stored.content_type, stored.key)
    return Response(content, media_type=stored.content_type)


def _find_videos(state: StandInState, video_ids: list[str]) -> list[Video]:
    videos = state.library.videos
    return [videos[video_id] for video_id in video_ids if video_id in videos]


def _parse_video_ids(body: dict[str, Any], limit: int) -> list[str]:
    value = body.get("video_ids")
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid("video_ids is a list of strings", "video_ids")
    if not 1 <= len(value) <= limit:
        raise invalid(f"video_ids has 1 to {limit} items", "video_ids")
    return value


def _parse_targets(body: dict[str, Any]) -> list[tuple[str, str | None]]:
    targets = body["targets"]
    if not isinstance(targets, list) or not 1 <= len(targets) <= _MAX_SEGMENT_VIDEOS:
        raise invalid(f"targets has 1 to {_MAX_SEGMENT_VIDEOS} items", "targets")
    return [_parse_target(target, index) for index, target in enumerate(targets)]


def _parse_target(target: object, index: int) -> tuple[str, str | None]:
    if not isinstance(target, dict) or not isinstance(target.get("video_id"), str):
        raise invalid("A target has a video_id", "targets", index)
    run_id = target.get("run_id")
    if run_id is not None and not isinstance(run_id, str):
        raise invalid("run_id is a string", "targets", index, "run_id")
    return target["video_id"], run_id


def _parse_url_request(body: dict[str, Any]) -> tuple[str, bool]:
    gcs_uri = body.get("gcs_uri")
    if not isinstance(gcs_uri, str) or len(gcs_uri) > _MAX_URI_LENGTH:
        raise invalid("gcs_uri is a string", "gcs_uri")
    bucket, _, path = gcs_uri.removeprefix("gs://").partition("/")
    if not gcs_uri.startswith("gs://") or not bucket or not path:
        raise invalid("gcs_uri has the form gs://bucket/path", "gcs_uri")
    force_refresh = body.get("force_refresh", False)
    if not isinstance(force_refresh, bool):
        raise invalid("force_refresh is a boolean", "force_refresh")
    return gcs_uri, force_refresh
