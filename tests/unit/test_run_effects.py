"""Whether the effects of a run are there: each kind, right, wrong and missing."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.local.cloud import Observed
from infra.local.effects import Effects, Seen, Settled, effects_found, markers_by_target
from infra.local.expected import Wish
from infra.local.progress import Progress
from infra.local.truth import Truth
from tests.unit.local_run import at, event
from videovector_bridge.api.models import Media
from videovector_bridge.automate.actions.search import match_key
from videovector_bridge.automate.snapshot import Rows, snapshot
from videovector_bridge.errors import BackendError

GREEN = {"target_type": "run", "target_id": "r", "color": "green", "note": "n"}
CAUSE = {"key": "a:1", "automation": "auto", "video_id": "v", "run_id": None}
MARK = {"marker:run:r": Wish("upsert_marker", {"marker": GREEN}, "a")}
GONE = {
    "marker:run:r": Wish(
        "delete_marker",
        {"absent": {"match": {"target_type": "run", "target_id": "r", "field_path": None}}},
        "a",
    )
}
LINK = {"signed_url:a:1": Wish("issue_signed_url", {"cause": CAUSE, "gcs_uri": "gs://b/o"}, "a")}
LINKS = {"signed_url:a:1": Wish("issue_signed_url", {"cause": CAUSE, "segments": True}, "a")}
PREVIEW = {
    "preview:p.gif": Wish(
        "store_preview", {"cause": CAUSE, "name": "p.gif", "kind": "gif", "of": "v"}, "a"
    )
}
SNAPSHOT = {"media:v": Wish("snapshot_media", {"cause": CAUSE, "video_id": "v"}, "a")}
SEARCH = {"search:a:1": Wish("search", {"cause": CAUSE, "search": {"query": "q", "top_k": 3}}, "a")}
MATCH = {"result_id": "m"}
STORED = event("media.preview_stored:a:1", "media.preview_stored", 2, channel="bridge")
MATCHED = event(f"search.matched:{match_key('auto', MATCH)}", "search.matched", 2, channel="bridge")
ROWS = Rows({"video_id": "v", "title": "t"}, {"status": "processed"}, {"segments": []})


class Api:
    """VideoVector, which counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def batch_segments_for_targets(self, _targets: Any) -> list[dict[str, Any]]:
        """Two segments that have an address, and one that has none."""
        self.asked.append("segments")
        uris = {"s1": "gs://b/1", "s2": "gs://b/2", "s3": None}
        return [{"segments": [{"segment_id": id_, "gcs_uri": uri} for id_, uri in uris.items()]}]

    def playground_search(self, query: str, top_k: int) -> list[dict[str, Any]]:
        """One match."""
        self.asked.append(f"{query} {top_k}")
        return [MATCH]

    def gif(self, _video_id: str) -> Media:
        """A picture."""
        self.asked.append("gif")
        return Media(b"GIF", "image/gif")

    def batch_videos(self, _ids: Any) -> list[Any]:
        """Details."""
        return [ROWS.video]

    def batch_status(self, _ids: Any) -> list[Any]:
        """Status."""
        return [{**(ROWS.status or {}), "video_id": "v"}]

    def batch_segments(self, _ids: Any) -> list[Any]:
        """Segments."""
        return [{**(ROWS.segments or {}), "video_id": "v"}]


class Cloud:
    """What is stored."""

    def __init__(
        self, content: bytes | None = None, document: Mapping[str, Any] | None = None
    ) -> None:
        self.content = content
        self.stored = document
        self.down = False

    def file(self, _name: str) -> tuple[Any, bytes] | None:
        """A file."""
        if self.down:
            raise BackendError("it is down")
        if self.content is None:
            return None
        return SimpleNamespace(content_type="image/gif"), self.content

    def document(self, _collection: str, _document_id: str) -> Mapping[str, Any] | None:
        """A document."""
        if self.down:
            raise BackendError("it is down")
        return self.stored


def seen(
    *messages: Observed,
    cloud: Cloud | None = None,
    api: Api | None = None,
    markers: list[dict[str, Any]] | None = None,
    urls: tuple[str, ...] = (),
) -> Seen:
    """What a look has to compare with; event a was there first."""
    progress = Progress()
    progress.note_events([event("a", seconds=1), *messages])
    progress.note_urls([Observed({"ce-id": key}, b"", at(1.5)) for key in urls])
    truth = Truth(cast("Any", cloud or Cloud()), cast("Any", api))
    return Seen(progress, markers_by_target(markers), truth)


def counts(found: Effects, kind: str) -> tuple[int, int]:
    """Found and wanted."""
    return found.found[kind], found.wanted[kind]


def test_a_marker_is_right_only_with_its_colour_and_note() -> None:
    """A marker of another colour or note, or on another target, is not the one."""
    right = effects_found(MARK, seen(markers=[GREEN | {"updated_at": at(2.25).isoformat()}]))
    assert counts(right, "markers") == (1, 1)
    assert right.milliseconds == (1250,)

    for change in ({"color": "red"}, {"note": ""}, {"target_id": "other"}, {"field_path": "f"}):
        wrong = effects_found(MARK, seen(markers=[GREEN | change]))
        assert counts(wrong, "markers") == (0, 1)
        assert wrong.missing == ("marker:run:r after event a",)


def test_a_marker_that_should_be_gone() -> None:
    """Another on the same run's field does not count."""
    assert counts(effects_found(GONE, seen(markers=[])), "markers_deleted") == (1, 1)
    field = GREEN | {"field_path": "f"}
    assert counts(effects_found(GONE, seen(markers=[field])), "markers_deleted") == (1, 1)

    still = effects_found(GONE, seen(markers=[GREEN]))
    assert still.missing == ("no marker:run:r after event a",)


@pytest.mark.parametrize(
    "absent", [{"marker_id": "m1"}, {"match": {"color": "green"}}, {"match": {"target_id": "r"}}]
)
def test_a_marker_that_should_be_gone_is_told_as_it_would_be_deleted(
    absent: dict[str, Any],
) -> None:
    """By its id, or by whatever it shows: one that is still there does not pass for gone."""
    wishes = {"marker:x": Wish("delete_marker", {"absent": absent}, "a")}

    there = effects_found(wishes, seen(markers=[GREEN | {"marker_id": "m1"}]))
    assert there.missing == ("no marker:x after event a",)
    other = {"marker_id": "m2", "color": "red", "target_id": "other"}
    gone = effects_found(wishes, seen(markers=[GREEN | other]))
    assert counts(gone, "markers_deleted") == (1, 1)


def test_what_was_to_be_red_and_is_no_more() -> None:
    """It counts once the API shows what came after red, whether or not red was ever seen."""
    for wishes, right, wrong in ((GONE, [], [GREEN]), (MARK, [GREEN], [])):
        ((target, wish),) = wishes.items()
        after_red = {target: replace(wish, red_before=True)}

        assert effects_found(after_red, seen(markers=right)).red_no_more == 1
        assert effects_found(after_red, seen(markers=wrong)).red_no_more == 0
        assert effects_found(wishes, seen(markers=right)).red_no_more == 0


def test_markers_that_cannot_be_read_are_not_asked_for() -> None:
    """Where the key may not read markers, their absence says nothing."""
    for wishes in (MARK, GONE):
        assert effects_found(wishes, seen(markers=None)) == Effects()


def test_a_url_is_a_message_with_its_key() -> None:
    """Its time counts from when its event was first on the topic."""
    found = effects_found(LINK, seen(urls=("a:1", "other")))
    assert counts(found, "signed_urls") == (1, 1)
    assert found.milliseconds == (500,)

    assert effects_found(LINK, seen(urls=("other",))).missing == ("signed URL a:1 after event a",)


def test_every_segment_with_an_address_has_a_url() -> None:
    """As many as the API tells of."""
    found = effects_found(LINKS, seen(api=Api(), urls=("a:1:s1",)))

    assert counts(found, "signed_urls") == (1, 2)
    assert found.missing == ("signed URL a:1:s2 after event a",)


@pytest.mark.parametrize(
    ("message", "content", "right"),
    [(True, b"GIF", 1), (True, b"other", 0), (True, None, 0), (False, b"GIF", 0)],
)
def test_a_preview_is_announced_and_the_same_byte_for_byte(
    *, message: bool, content: bytes | None, right: int
) -> None:
    """Another content, no file, and a file of which nobody was told are not right."""
    look = seen(*[STORED] * message, cloud=Cloud(content), api=Api())

    assert counts(effects_found(PREVIEW, look), "previews") == (right, 1)


def document(**changes: Any) -> dict[str, Any]:
    """The document of the video after event a."""
    return {
        **snapshot("v", ROWS),
        "event": {"event_id": "a"},
        "snapshot_at": at(3).isoformat(),
        **changes,
    }


def test_a_document_is_of_the_newest_event_and_true() -> None:
    """What may change without an event about the video is not compared."""
    cloud = Cloud(document=document(runs=[{"status": "processing"}]))
    found = effects_found(SNAPSHOT, seen(cloud=cloud, api=Api()))
    assert counts(found, "snapshots") == (1, 1)
    assert found.milliseconds == (2000,)

    for change in ({"title": "other"}, {"found": False}, {"event": {"event_id": "older"}}):
        cloud = Cloud(document=document(**change))
        assert counts(effects_found(SNAPSHOT, seen(cloud=cloud, api=Api())), "snapshots") == (0, 1)
    assert counts(effects_found(SNAPSHOT, seen(api=Api())), "snapshots") == (0, 1)


def test_each_match_is_published_once_however_many_searches_find_it() -> None:
    """Two events that set off the same search lead to one match."""
    wishes = SEARCH | {"search:b:1": SEARCH["search:a:1"]}

    assert counts(effects_found(wishes, seen(MATCHED, api=Api())), "matches") == (1, 1)
    assert len(effects_found(wishes, seen(api=Api())).missing) == 1


def test_where_the_api_is_not_to_be_asked_what_is_there_will_do() -> None:
    """Of an account that is nobody's stand-in nothing is compared with."""
    wishes = PREVIEW | SNAPSHOT | LINKS | SEARCH
    cloud = Cloud(b"anything", document(title="anything"))
    found = effects_found(wishes, seen(STORED, cloud=cloud))

    assert found.missing == ()
    assert dict(found.wanted) == {"previews": 1, "snapshots": 1}


def test_a_cloud_that_does_not_answer_shows_nothing() -> None:
    """It is asked again at the next look."""
    cloud = Cloud(b"GIF", document())
    cloud.down = True
    look = seen(STORED, cloud=cloud, api=Api())
    assert len(effects_found(PREVIEW | SNAPSHOT, look).missing) == 2

    cloud.down = False
    assert effects_found(PREVIEW | SNAPSHOT, look).missing == ()


def test_what_was_right_is_not_looked_at_again() -> None:
    """Unless another event wants something else of the target."""
    api, cloud = Api(), Cloud(b"GIF", document())
    settled: dict[str, Settled] = {}
    look = seen(STORED, MATCHED, cloud=cloud, api=api, urls=("a:1:s1", "a:1:s2"))
    wishes = PREVIEW | SNAPSHOT | LINKS | SEARCH
    first = effects_found(wishes, look, settled)
    assert first.missing == ()

    cloud.down = True
    assert effects_found(wishes, look, settled) == first
    assert api.asked == ["gif", "segments", "q 3"]

    newer = {"media:v": Wish("snapshot_media", SNAPSHOT["media:v"].desired, "b")}
    assert effects_found(newer, look, settled).missing == ("media:v after event b",)
