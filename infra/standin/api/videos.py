"""Batch helpers, raw media and signed URLs."""

from typing import TYPE_CHECKING, Any

from infra.standin.errors import ApiError, invalid
from infra.standin.http.responses import Answer, Call, json_answer
from infra.standin.ids import timestamp
from infra.standin.library import media
from infra.standin.library.grants import checked_uri

if TYPE_CHECKING:
    from infra.standin.state import World

_MAX_VIDEOS = 100
_MAX_SEGMENT_VIDEOS = 50


def batch(world: "World", call: Call) -> Answer:
    """POST /videos/batch. Unknown ids are left out of the answer."""
    found = _known(world, _video_ids(_object(call), _MAX_VIDEOS))
    return json_answer([world.views.video_with_details(video) for video in found])


def batch_status(world: "World", call: Call) -> Answer:
    """POST /videos/batch/status. Unknown ids are left out of the answer."""
    found = _known(world, _video_ids(_object(call), _MAX_VIDEOS))
    return json_answer([world.views.video_status(video) for video in found])


def batch_segments(world: "World", call: Call) -> Answer:
    """POST /videos/batch/segments, by video or by (video, run)."""
    body = _object(call)
    if ("video_ids" in body) == ("targets" in body):
        raise invalid("Give either video_ids or targets, not both")
    wanted = (
        [(video_id, None) for video_id in _video_ids(body, _MAX_SEGMENT_VIDEOS)]
        if "video_ids" in body
        else _targets(body)
    )
    return json_answer(
        [
            world.views.video_segments(world.library.videos[video_id], run_id)
            for video_id, run_id in wanted
            if video_id in world.library.videos
        ]
    )


def gif(world: "World", call: Call) -> Answer:
    """GET /videos/{video_id}/gif."""
    if call.path["video_id"] not in world.library.videos:
        raise ApiError(404, "Video not found")
    return Answer(media.gif(call.path["video_id"]), media_type="image/gif")


def thumbnail(world: "World", call: Call) -> Answer:
    """GET /videos/segments/{segment_id}/thumbnail."""
    if call.path["segment_id"] not in world.library.segments:
        raise ApiError(404, "Segment not found")
    return Answer(media.jpeg(call.path["segment_id"]), media_type="image/jpeg")


def signed_url(world: "World", call: Call) -> Answer:
    """POST /videos/signed-url."""
    gcs_uri, force_refresh = checked_uri(call.json())
    if gcs_uri not in world.library.objects:
        raise ApiError(404, "The object does not exist")
    grant = world.grants.issue(gcs_uri, rotate=force_refresh, now=call.now)
    return json_answer(
        {"signed_url": grant.url(world.media_url), "expires_at": timestamp(grant.expires_at)}
    )


def download(world: "World", call: Call) -> Answer:
    """GET of a signed URL: the object's bytes. The query string is the credential."""
    gcs_uri = f"gs://{call.path['bucket']}/{call.path['path']}"
    world.grants.check(gcs_uri, call.query, call.now)
    stored = world.library.objects[gcs_uri]
    return Answer(media.content(stored.content_type, stored.key), media_type=stored.content_type)


def _known(world: "World", video_ids: list[str]) -> list[Any]:
    return [world.library.videos[name] for name in video_ids if name in world.library.videos]


def _object(call: Call) -> dict[str, Any]:
    body = call.json()
    if not isinstance(body, dict):
        raise invalid("The body is a JSON object")
    return body


def _video_ids(body: dict[str, Any], most: int) -> list[str]:
    value = body.get("video_ids")
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid("video_ids is a list of strings", "video_ids")
    if not 1 <= len(value) <= most:
        raise invalid(f"video_ids has 1 to {most} items", "video_ids")
    return value


def _targets(body: dict[str, Any]) -> list[tuple[str, str | None]]:
    targets = body["targets"]
    if not isinstance(targets, list) or not 1 <= len(targets) <= _MAX_SEGMENT_VIDEOS:
        raise invalid(f"targets has 1 to {_MAX_SEGMENT_VIDEOS} items", "targets")
    return [_target(target, place) for place, target in enumerate(targets)]


def _target(target: object, place: int) -> tuple[str, str | None]:
    if not isinstance(target, dict) or not isinstance(target.get("video_id"), str):
        raise invalid("A target has a video_id", "targets", place)
    run_id = target.get("run_id")
    if run_id is not None and not isinstance(run_id, str):
        raise invalid("run_id is a string", "targets", place, "run_id")
    return target["video_id"], run_id
