"""Previews: their content and names, the number of writes, and the announcements."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from infra.standin.library import media
from tests.support.contexts import Change, with_api, with_files, with_time
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import SOURCE, event
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.models import Media
from videovector_bridge.automate.action import Cause, effect_key
from videovector_bridge.automate.actions import store_preview
from videovector_bridge.automate.effects.record import Version
from videovector_bridge.backends.ports import Files, StoredFile
from videovector_bridge.errors import ConflictError, PermanentError

Deploy = Callable[[str], DeployedFunction]
GIF = """
[[automation]]
name = "gif"
on = ["processing.video_completed"]
[automation.store_preview]
video_id = "{event.video_id}"
"""
THUMBNAIL = """
[[automation]]
name = "thumbnail"
on = ["processing.segment_completed"]
[automation.store_preview]
segment_id = "{event.segment_id}"
name = "{event.payload.name}"
"""
GET = "GET /videos/{video_id}/gif"


def ready(deploy: Deploy, *automations: str) -> DeployedFunction:
    """`store_previews` with its automations."""
    deployed = deploy("store_previews")
    deployed.automations(*(automations or (GIF, THUMBNAIL)))
    return deployed


@pytest.fixture
def previews(deploy: Deploy) -> DeployedFunction:
    """The function over each backend in turn."""
    return ready(deploy)


@pytest.fixture
def embedded(deploy_embedded: Deploy) -> DeployedFunction:
    """The function over the embedded backend."""
    return ready(deploy_embedded)


def files(deployed: DeployedFunction) -> Files:
    """The store of previews."""
    assert deployed.backend.files is not None
    return deployed.backend.files


def video(deployed: DeployedFunction) -> str:
    """A video that the stand-in has."""
    return next(iter(deployed.standin.state.library.videos))


def segment(deployed: DeployedFunction) -> str:
    """A segment that the stand-in has."""
    return next(iter(deployed.standin.state.library.segments))


def with_gif(picture: Media) -> Change:
    """Let VideoVector return this picture for every video."""
    return with_api(gif=lambda *_: picture)


def done(video_id: Any, name: str = "evt_1", second: int = 0) -> dict[str, Any]:
    """An event about a video that was processed."""
    return event(name, second, event_type="processing.video_completed", video_id=video_id)


def segment_done(segment_id: Any, name: Any, video_id: str = "vid_1") -> dict[str, Any]:
    """An event about a segment that was processed."""
    return event(
        event_type="processing.segment_completed",
        segment_id=segment_id,
        video_id=video_id,
        payload={"name": name},
    )


def test_the_gif_of_a_video_is_stored(previews: DeployedFunction) -> None:
    """The file has the same bytes and content type. An event with its URI is published."""
    video_id = video(previews)

    assert previews.push(done(video_id)) == 200

    name = f"videos/{video_id}/preview.gif"
    stored = files(previews).find(name, timeout=10)
    assert stored is not None
    assert stored.content_type == "image/gif"
    content = files(previews).read(name, timeout=10)
    assert content == media.gif(video_id)
    (announced,) = previews.announced("media.preview_stored")
    key = effect_key("gif", Version("2026-01-01T00:00:00.000000+00:00", "evt_1", SOURCE))
    assert announced["event_id"] == f"media.preview_stored:{key}"
    assert (announced["video_id"], announced["run_id"]) == (video_id, "run_1")
    assert announced["payload"] == {
        "automation": "gif",
        "event_id": "evt_1",
        "event_source": SOURCE,
        "event_type": "processing.video_completed",
        "kind": "gif",
        "uri": stored.uri,
        "content_type": "image/gif",
        "size": len(content),
        "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
    }


def test_the_thumbnail_of_a_segment_is_stored(previews: DeployedFunction) -> None:
    """The automation sets the name of the file."""
    segment_id = segment(previews)

    assert previews.push(segment_done(segment_id, "a b/ü#?.jpg")) == 200

    stored = files(previews).find("a b/ü#?.jpg", timeout=10)
    assert stored is not None
    assert stored.content_type == "image/jpeg"
    assert files(previews).read("a b/ü#?.jpg", timeout=10) == media.jpeg(segment_id)
    (announced,) = previews.announced("media.preview_stored")
    assert (announced["segment_id"], announced["video_id"]) == (segment_id, "vid_1")


def test_redelivery_stores_nothing_again(previews: DeployedFunction) -> None:
    """It sends no request, and publishes no event."""
    for _ in range(3):
        assert previews.push(done(video(previews))) == 200

    assert previews.requests(GET) == 1
    assert len(previews.announced("media.preview_stored")) == 1


def test_the_same_picture_is_not_written_again(previews: DeployedFunction) -> None:
    """A newer event is announced, but the file is not written."""
    video_id = video(previews)
    name = f"videos/{video_id}/preview.gif"
    previews.push(done(video_id))
    first = files(previews).find(name, timeout=10)

    previews.push(done(video_id, "evt_2", 2))
    previews.push(done(video_id, "evt_0", 1))  # older: nothing at all

    assert files(previews).find(name, timeout=10) == first
    assert [each["payload"]["event_id"] for each in previews.announced("preview_stored")] == [
        "evt_1",
        "evt_2",
    ]


def test_another_picture_replaces_the_file(previews: DeployedFunction) -> None:
    """The name is the same, the generation another."""
    video_id = video(previews)
    name = f"videos/{video_id}/preview.gif"
    previews.push(done(video_id))
    first = files(previews).find(name, timeout=10)
    previews.change(with_gif(Media(media.jpeg(video_id), "image/gif")))

    previews.push(done(video_id, "evt_2", 2))

    second = files(previews).find(name, timeout=10)
    assert first is not None
    assert second is not None
    assert first.generation != second.generation
    assert files(previews).read(name, timeout=10) == media.jpeg(video_id)


def test_a_slow_older_picture_does_not_replace_a_newer_one(previews: DeployedFunction) -> None:
    """After a write by another attempt, the picture is fetched again."""
    video_id = video(previews)
    name = f"videos/{video_id}/preview.gif"
    pictures: list[bytes] = []

    def slow(api: VideoVectorClient, of: str) -> Media:
        picture = api.gif(of)
        if not pictures:  # another event's is stored at the same time
            files(previews).write(name, b"newer", "image/gif", replaces=None, timeout=10)
        pictures.append(picture.content)
        return picture

    previews.change(with_api(gif=slow))
    assert previews.push(done(video_id)) == 200

    assert len(pictures) == 2
    assert files(previews).read(name, timeout=10) == media.gif(video_id)


def test_a_lost_response_writes_once(embedded: DeployedFunction) -> None:
    """The next try sees that the file has the same bytes."""
    written: list[StoredFile] = []

    def losing(real: Files, *args: Any, **options: Any) -> StoredFile:
        written.append(real.write(*args, **options))
        raise ConflictError("our own write, seen by its repetition")

    embedded.change(with_files(write=losing))
    assert embedded.push(done(video(embedded))) == 200

    assert len(written) == 1
    (announced,) = embedded.announced("media.preview_stored")
    assert announced["payload"]["uri"] == written[0].uri


def test_a_file_that_others_write_all_the_time_is_redelivered(embedded: DeployedFunction) -> None:
    """After a few tries the message is redelivered."""

    def conflict(*_: Any, **__: Any) -> StoredFile:
        raise ConflictError("another writer was first")

    embedded.change(with_files(write=conflict))

    assert embedded.push(done(video(embedded))) == 503
    assert embedded.announced("media.preview_stored") == []


EVENT_TIME = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "missing", [done("vid_none"), segment_done("seg_none", "")], ids=["gif", "jpeg"]
)
@pytest.mark.parametrize("seconds", [-60, 0, 899.999])
def test_a_picture_that_is_not_there_yet_is_redelivered(
    embedded: DeployedFunction, missing: dict[str, Any], seconds: float
) -> None:
    """VideoVector may create it after the event: for 15 minutes a 404 is not final."""
    embedded.change(with_time(EVENT_TIME + timedelta(seconds=seconds)))

    assert embedded.push(missing) == 503

    assert embedded.published("rejected") == []


@pytest.mark.parametrize(
    "missing", [done("vid_none"), segment_done("seg_none", "")], ids=["gif", "jpeg"]
)
def test_a_picture_that_is_still_not_there_is_rejected(
    embedded: DeployedFunction, missing: dict[str, Any]
) -> None:
    """15 minutes after the event a 404 is final."""
    embedded.change(with_time(EVENT_TIME))
    assert embedded.push(missing) == 503
    embedded.change(with_time(EVENT_TIME + timedelta(minutes=15)))

    assert embedded.push(missing) == 200

    (rejected,) = embedded.published("rejected")
    assert (rejected.attributes["reason"], rejected.attributes["code"]) == ("user", "not_found")


def test_a_picture_that_is_made_later_is_stored(embedded: DeployedFunction) -> None:
    """The redelivery stores it, and it is announced once."""
    embedded.change(with_time(EVENT_TIME + timedelta(minutes=1)))
    assert embedded.push(done("vid_later")) == 503
    embedded.change(with_gif(Media(b"GIF89a", "image/gif")))

    assert embedded.push(done("vid_later")) == 200

    assert files(embedded).read("videos/vid_later/preview.gif", timeout=10) == b"GIF89a"
    assert len(embedded.announced("media.preview_stored")) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_other_refusals_are_final_at_once(embedded: DeployedFunction, status: int) -> None:
    """Only a 404 may mean that there is no picture yet."""
    embedded.change(with_time(EVENT_TIME))
    embedded.standin.control.faults({"on": GET, "kind": "status", "status": status})

    assert embedded.push(done(video(embedded))) == 200

    assert len(embedded.published("rejected")) == 1


@pytest.mark.emulator
def test_without_a_bucket_previews_are_rejected(deploy_gcp: Deploy) -> None:
    """The detail names the setting. The embedded backend always has a place for them."""
    previews = ready(deploy_gcp)
    previews.set("PREVIEW_BUCKET", "")

    assert previews.push(done(video(previews))) == 200

    (rejected,) = previews.published("rejected")
    assert rejected.attributes["code"] == "no_preview_bucket"
    assert "PREVIEW_BUCKET" in rejected.attributes["detail"]
    assert previews.requests(GET) == 0


@pytest.mark.parametrize("video_id", ["", 5, "v" * 1_001])
def test_a_preview_of_nothing_is_rejected(embedded: DeployedFunction, video_id: object) -> None:
    """The automation has no valid video_id; the user can correct it."""
    embedded.automations(GIF.replace("event.video_id", "event.payload.id"))

    assert embedded.push({**done("v"), "payload": {"id": video_id}}) == 200

    (rejected,) = embedded.published("rejected")
    assert (rejected.attributes["reason"], rejected.attributes["code"]) == ("user", "no_target")


@pytest.mark.parametrize(
    "name",
    ["/x", "a/../b", "..", ".", "a\nb", "x" * 1_025, "é" * 600, ".well-known/acme-challenge/x"],
)
def test_a_name_that_cloud_storage_refuses_is_rejected(
    embedded: DeployedFunction, name: str
) -> None:
    """Names with `.` or `..` in a path are rejected too."""
    assert embedded.push(segment_done(segment(embedded), name)) == 200

    (rejected,) = embedded.published("rejected")
    assert (rejected.attributes["reason"], rejected.attributes["code"]) == ("user", "bad_file_name")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (5, "it is not text"),
        ("\ud800", "half a surrogate pair"),
        ("é" * 600, "it has 1,200 bytes, more than 1,024"),
        ("a/../b", "\\. or \\.\\. in its path"),
    ],
)
def test_a_rejection_says_what_is_wrong_with_a_name(name: Any, words: str) -> None:
    """No request to VideoVector or Cloud Storage is needed for that."""
    cause = Cause("previews", cast("Any", None))

    with pytest.raises(PermanentError, match=words) as raised:
        store_preview.ACTION.target_state({"segment_id": "s", "name": name}, cause)

    assert raised.value.code == "bad_file_name"


def test_ids_cannot_leave_their_folder(embedded: DeployedFunction) -> None:
    """An id with a slash is one part of the name."""
    embedded.change(with_gif(embedded.context.api.gif(video(embedded))))

    assert embedded.push(done("../a/b")) == 200

    assert files(embedded).find("videos/..%2Fa%2Fb/preview.gif", timeout=10) is not None


@pytest.mark.parametrize("name", ["n" * 1_024, "é" * 512, "😀" * 256])
def test_the_longest_name_is_stored_and_announced(previews: DeployedFunction, name: str) -> None:
    """1,024 bytes, as Cloud Storage allows."""
    assert previews.push(segment_done(segment(previews), name)) == 200

    stored = files(previews).find(name, timeout=10)
    assert stored is not None
    (announced,) = previews.announced("media.preview_stored")
    assert announced["payload"]["uri"] == stored.uri


def test_the_longest_ids_are_stored_and_announced(previews: DeployedFunction) -> None:
    """With ids of 900 bytes, the limit of events, the announcement fits in a message."""
    previews.change(with_gif(previews.context.api.gif(video(previews))))
    names = ("event_id", "video_id", "run_id", "index_id", "user_id", "segment_id")
    long = {name: name.ljust(900, "x") for name in names}

    assert previews.push({**done("v"), **long}) == 200

    (announced,) = previews.announced("media.preview_stored")
    assert announced["video_id"] == long["video_id"]
    assert announced["payload"]["event_id"] == long["event_id"]
    assert files(previews).find(f"videos/{long['video_id']}/preview.gif", timeout=10) is not None


@pytest.mark.parametrize(
    "content_type", ["image/", "image/gif\x7f", "image/ü", "image/" + "x" * 200]
)
def test_a_content_type_that_no_file_can_have_is_rejected(
    embedded: DeployedFunction, content_type: str
) -> None:
    """Cloud Storage would refuse it on every redelivery."""
    embedded.change(with_gif(Media(b"GIF89a", content_type)))

    assert embedded.push(done("v")) == 200

    (rejected,) = embedded.published("rejected")
    attributes = rejected.attributes
    assert (attributes["reason"], attributes["code"]) == ("vendor", "unexpected_answer")
