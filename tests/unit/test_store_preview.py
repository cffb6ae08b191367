"""Previews: what is stored where, how often it is written, and what is announced."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from infra.local.standin import media
from tests.unit.subscribing import Deployed, event
from videovector_bridge.automate import subscriber
from videovector_bridge.automate.action import effect_key
from videovector_bridge.backends.ports import Files, StoredFile
from videovector_bridge.errors import ConflictError

Deploy = Callable[[str], Deployed]
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


def ready(deploy: Deploy, *automations: str) -> Deployed:
    """`store_previews` with its automations."""
    deployed = deploy("store_previews")
    deployed.automations(*(automations or (GIF, THUMBNAIL)))
    return deployed


@pytest.fixture
def previews(deploy: Deploy) -> Deployed:
    """The function over each backend in turn."""
    return ready(deploy)


@pytest.fixture
def embedded(deploy_embedded: Deploy) -> Deployed:
    """The function over the embedded backend."""
    return ready(deploy_embedded)


def files(deployed: Deployed) -> Files:
    """Where previews are."""
    assert deployed.backend.files is not None
    return deployed.backend.files


def video(deployed: Deployed) -> str:
    """A video that the stand-in has."""
    world = deployed.standin._world
    assert world is not None
    return next(iter(world.library.videos))


def segment(deployed: Deployed) -> str:
    """A segment that the stand-in has."""
    world = deployed.standin._world
    assert world is not None
    return next(iter(world.library.segments))


def done(video_id: Any, name: str = "evt_1", second: int = 0) -> dict[str, Any]:
    """An event about a video that was processed."""
    return event(name, second, event_type="processing.video_completed", video_id=video_id)


def seen(segment_id: Any, name: Any, video_id: str = "vid_1") -> dict[str, Any]:
    """An event about a segment that was processed."""
    return event(
        event_type="processing.segment_completed",
        segment_id=segment_id,
        video_id=video_id,
        payload={"name": name},
    )


def test_the_gif_of_a_video_is_stored(previews: Deployed) -> None:
    """Byte for byte, with its content type, and announced with the ids of its event."""
    video_id = video(previews)

    assert previews.push(done(video_id)) == 200

    name = f"videos/{video_id}/preview.gif"
    stored = files(previews).find(name, timeout=10)
    assert stored is not None
    assert stored.content_type == "image/gif"
    content = files(previews).read(name, timeout=10)
    assert content == media.gif(video_id)
    (told,) = previews.announced("media.preview_stored")
    assert told["event_id"] == f"media.preview_stored:{effect_key('gif', 'evt_1')}"
    assert (told["video_id"], told["run_id"]) == (video_id, "run_1")
    assert told["payload"] == {
        "automation": "gif",
        "event_id": "evt_1",
        "event_type": "processing.video_completed",
        "kind": "gif",
        "uri": stored.uri,
        "content_type": "image/gif",
        "size": len(content),
        "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
    }


def test_the_thumbnail_of_a_segment_is_stored(previews: Deployed) -> None:
    """Under a name of the automation's choice."""
    segment_id = segment(previews)

    assert previews.push(seen(segment_id, "a b/ü#?.jpg")) == 200

    stored = files(previews).find("a b/ü#?.jpg", timeout=10)
    assert stored is not None
    assert stored.content_type == "image/jpeg"
    assert files(previews).read("a b/ü#?.jpg", timeout=10) == media.jpeg(segment_id)
    (told,) = previews.announced("media.preview_stored")
    assert (told["segment_id"], told["video_id"]) == (segment_id, "vid_1")


def test_redelivery_stores_nothing_again(previews: Deployed) -> None:
    """Nor asks VideoVector, nor announces."""
    for _ in range(3):
        assert previews.push(done(video(previews))) == 200

    assert previews.requests(GET) == 1
    assert len(previews.announced("media.preview_stored")) == 1


def test_the_same_picture_is_not_written_again(previews: Deployed) -> None:
    """A newer event about it is announced, but the file stays the one it was."""
    video_id = video(previews)
    name = f"videos/{video_id}/preview.gif"
    previews.push(done(video_id))
    first = files(previews).find(name, timeout=10)

    previews.push(done(video_id, "evt_2", 2))
    previews.push(done(video_id, "evt_0", 1))  # older: nothing at all

    assert files(previews).find(name, timeout=10) == first
    assert [told["payload"]["event_id"] for told in previews.announced("preview_stored")] == [
        "evt_1",
        "evt_2",
    ]


def test_another_picture_replaces_the_file(
    previews: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the same name, as another generation."""
    video_id = video(previews)
    name = f"videos/{video_id}/preview.gif"
    previews.push(done(video_id))
    first = files(previews).find(name, timeout=10)
    monkeypatch.setattr(media, "gif", media.jpeg)

    previews.push(done(video_id, "evt_2", 2))

    second = files(previews).find(name, timeout=10)
    assert first is not None
    assert second is not None
    assert first.generation != second.generation
    assert files(previews).read(name, timeout=10) == media.jpeg(video_id)


def test_a_slow_older_picture_does_not_replace_a_newer_one(
    previews: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was fetched before another wrote finds another generation, and is fetched anew."""
    video_id = video(previews)
    name = f"videos/{video_id}/preview.gif"
    api = subscriber._instance.get()[0].api
    fetch = api.gif
    pictures: list[bytes] = []

    def slow(of: str) -> Any:
        found = fetch(of)
        if not pictures:  # meanwhile another stores a newer one
            files(previews).write(name, b"newer", "image/gif", replaces=None, timeout=10)
        pictures.append(found.content)
        return found

    monkeypatch.setattr(type(api), "gif", lambda _, of: slow(of))
    assert previews.push(done(video_id)) == 200

    assert len(pictures) == 2
    assert files(previews).read(name, timeout=10) == media.gif(video_id)


def test_a_lost_answer_writes_once(embedded: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own bytes are found to be there already."""
    kind = type(files(embedded))
    write = kind.write
    written: list[StoredFile] = []

    def losing(*args: Any, **options: Any) -> StoredFile:
        written.append(write(*args, **options))
        raise ConflictError("our own write, seen by its repetition")

    monkeypatch.setattr(kind, "write", losing)
    assert embedded.push(done(video(embedded))) == 200

    assert len(written) == 1
    (told,) = embedded.announced("media.preview_stored")
    assert told["payload"]["uri"] == written[0].uri


def test_a_file_that_others_write_all_the_time_comes_again(
    embedded: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a few tries the message is redelivered instead."""

    def conflict(*_: Any, **__: Any) -> StoredFile:
        raise ConflictError("somebody else was first")

    monkeypatch.setattr(type(files(embedded)), "write", conflict)

    assert embedded.push(done(video(embedded))) == 503
    assert embedded.announced("media.preview_stored") == []


def test_a_video_that_is_not_there_is_rejected(embedded: Deployed) -> None:
    """VideoVector's 404 is final."""
    assert embedded.push(done("vid_none")) == 200

    (found,) = embedded.published("rejected")
    assert found.attributes["code"] == "not_found"


@pytest.mark.emulator
def test_without_a_bucket_previews_are_rejected(deploy_gcp: Deploy) -> None:
    """The detail names the setting. The embedded backend always has a place for them."""
    previews = ready(deploy_gcp)
    previews.set("PREVIEW_BUCKET", "")
    subscriber._instance._made = None

    assert previews.push(done(video(previews))) == 200

    (found,) = previews.published("rejected")
    assert found.attributes["code"] == "no_preview_bucket"
    assert "PREVIEW_BUCKET" in found.attributes["detail"]
    assert previews.requests(GET) == 0


@pytest.mark.parametrize("video_id", [None, "", 5])
def test_a_preview_of_nothing_is_rejected(embedded: Deployed, video_id: object) -> None:
    """What names no video is the user's to mend."""
    embedded.automations(GIF.replace("event.video_id", "event.payload.id"))

    assert embedded.push({**done("v"), "payload": {"id": video_id}}) == 200

    (found,) = embedded.published("rejected")
    assert (found.attributes["reason"], found.attributes["code"]) == ("user", "no_target")


@pytest.mark.parametrize(
    "name",
    ["/x", "a/../b", "..", ".", "a\nb", "x" * 1_025, "é" * 600, ".well-known/acme-challenge/x"],
)
def test_a_name_that_cloud_storage_refuses_is_rejected(embedded: Deployed, name: str) -> None:
    """Nor does a name hold steps."""
    assert embedded.push(seen(segment(embedded), name)) == 200

    (found,) = embedded.published("rejected")
    assert (found.attributes["reason"], found.attributes["code"]) == ("user", "bad_file_name")


def test_ids_cannot_leave_their_folder(embedded: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """An id with a slash is one part of the name."""
    picture = subscriber._instance.get()[0].api.gif(video(embedded))
    monkeypatch.setattr(type(subscriber._instance.get()[0].api), "gif", lambda *_: picture)

    assert embedded.push(done("../a/b")) == 200

    assert files(embedded).find("videos/..%2Fa%2Fb/preview.gif", timeout=10) is not None
