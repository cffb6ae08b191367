"""Whether the effects of a run are there: each kind, right, wrong, missing and uncalled for."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from infra.local.clouds.cloud import Observed
from infra.local.oracle.effects import (
    Effects,
    Observation,
    Settled,
    effects_found,
    markers_by_target,
)
from infra.local.oracle.expected import (
    Effect,
    Expected,
    ExpectedEffect,
    Marker,
    Matches,
    NoMarker,
    Preview,
    SegmentUrls,
    SignedUrl,
    VideoDocument,
)
from infra.local.oracle.oracle import Oracle
from infra.local.oracle.progress import Progress
from infra.local.oracle.published import read_event
from tests.support.local_run import at, event
from videovector_bridge.api.models import Media
from videovector_bridge.errors import BackendError

GREEN = {"target_type": "run", "target_id": "r", "field_path": None, "color": "green", "note": "n"}
MATCH = {"result_id": "m"}
VIDEO = {"video_id": "v", "title": "t", "video_uri": "gs://b/v.mp4", "media_type": "video"}
SEGMENTS = [
    {"segment_id": "s1", "gcs_uri": "gs://b/1", "segment_status": "completed"},
    {"segment_id": "s2", "gcs_uri": "gs://b/2", "segment_status": "completed"},
    {"segment_id": "s3", "gcs_uri": None, "segment_status": "failed"},
]


def expected(effect: Effect, event_id: str = "a", *, red_before: bool = False) -> Expected:
    """One effect, that automation `auto` has on an event."""
    cause = read_event(event(event_id, seconds=1))
    assert cause is not None
    one = ExpectedEffect("auto", effect, cause, red_before)
    return Expected({one.target: one}, (one,))


MARK = expected(Marker("r", "green", "n"))
GONE = expected(NoMarker("r"))
LINK = expected(SignedUrl("gs://b/o"))
LINKS = expected(SegmentUrls("v", "r"))
PREVIEW = expected(Preview("p.gif", "gif", "v"))
DOCUMENT = expected(VideoDocument("v"))
SEARCH = expected(Matches({"query": "q", "top_k": 3}))
EVERY = (PREVIEW, DOCUMENT, LINKS, SEARCH)


def own(event_type: str, **payload: Any) -> Observed:
    """An event of the bridge about something that automation `auto` did."""
    payload = {"automation": "auto", **payload}
    return event("own", event_type, 2, channel="bridge", payload=payload)


STORED = own("media.preview_stored", event_id="a")
MATCHED = own("search.matched", match=MATCH)


def url(
    gcs_uri: str, segment_id: str | None = None, message_id: str = "u", **data: Any
) -> Observed:
    """A message on `media-urls`."""
    facts = {"automation": "auto", "event_id": "a", "segment_id": segment_id, "gcs_uri": gcs_uri}
    return Observed({"ce-id": message_id}, orjson.dumps(facts | data), at(1.5))


class Api:
    """VideoVector, which counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def batch_segments_for_targets(self, _targets: Any) -> list[dict[str, Any]]:
        """Two segments that have an address, and one that has none."""
        self.asked.append("segments")
        return [{"segments": SEGMENTS}]

    def playground_search(self, query: str, top_k: int) -> list[dict[str, Any]]:
        """One match."""
        self.asked.append(f"{query} {top_k}")
        return [MATCH]

    def playground_filter_search(self, _conditions: Any) -> list[dict[str, Any]]:
        """One match."""
        return [MATCH]

    def gif(self, _video_id: str) -> Media:
        """A picture."""
        self.asked.append("gif")
        return Media(b"GIF", "image/gif")

    def batch_videos(self, _ids: Any) -> list[Any]:
        """Details."""
        return [VIDEO]

    def batch_segments(self, _ids: Any) -> list[Any]:
        """Segments."""
        return [{"video_id": "v", "run_id": "r", "segments": SEGMENTS}]


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
    urls: tuple[Observed, ...] = (),
) -> Observation:
    """What a look has to compare with."""
    progress = Progress()
    progress.note_events(list(messages))
    progress.note_urls(list(urls))
    oracle = Oracle(cast("Any", cloud or Cloud()), cast("Any", api))
    return Observation(progress, markers_by_target(markers), oracle)


def counts(found: Effects, kind: str) -> tuple[int, int]:
    """Found and expected."""
    return found.found[kind], found.expected[kind]


def document(**changes: Any) -> dict[str, Any]:
    """The document of the video after event a."""
    return {
        **VIDEO,
        "found": True,
        "segments": {"run_id": "r", "total": 3, "by_status": {"completed": 2, "failed": 1}},
        "event": {"event_id": "a"},
        "snapshot_at": at(3).isoformat(),
        **changes,
    }


def test_a_marker_is_right_only_with_its_colour_and_note() -> None:
    """A marker of another colour or note, or on another target, is not the one."""
    right = effects_found(MARK, seen(markers=[GREEN | {"updated_at": at(2.25).isoformat()}]))
    assert counts(right, "markers") == (1, 1)
    assert right.milliseconds == (1250,)

    for change in ({"color": "red"}, {"note": ""}, {"target_id": "other"}, {"field_path": "f"}):
        wrong = effects_found(MARK, seen(markers=[GREEN | change]))
        assert counts(wrong, "markers") == (0, 1)
        assert wrong.missing == ("green marker on run r after event a",)


def test_a_marker_that_should_be_gone() -> None:
    """Another on the same run's field does not count."""
    assert counts(effects_found(GONE, seen(markers=[])), "markers_deleted") == (1, 1)
    field = GREEN | {"field_path": "f"}
    assert counts(effects_found(GONE, seen(markers=[field])), "markers_deleted") == (1, 1)

    still = effects_found(GONE, seen(markers=[GREEN]))
    assert still.missing == ("no marker on run r after event a",)


def test_what_was_to_be_red_and_is_no_more() -> None:
    """It counts once the API shows what came after red, whether or not red was ever seen."""
    for effect, right, wrong in (
        (NoMarker("r"), [], [GREEN]),
        (Marker("r", "green", "n"), [GREEN], []),
    ):
        after_red = expected(effect, red_before=True)

        assert effects_found(after_red, seen(markers=right)).red_no_more == 1
        assert effects_found(after_red, seen(markers=wrong)).red_no_more == 0
        assert effects_found(expected(effect), seen(markers=right)).red_no_more == 0


def test_markers_that_cannot_be_read_are_not_asked_for() -> None:
    """Where the key may not read markers, their absence says nothing."""
    for one in (MARK, GONE):
        assert effects_found(one, seen(markers=None)) == Effects()


def test_a_url_is_a_message_about_its_object_automation_and_event() -> None:
    """Its time counts from when its event was first on the topic."""
    found = effects_found(LINK, seen(urls=(url("gs://b/o"),)))
    assert counts(found, "signed_urls") == (1, 1)
    assert found.milliseconds == (500,)

    others = (url("gs://b/p"), url("gs://b/o", automation="other"), url("gs://b/o", event_id="b"))
    assert effects_found(LINK, seen(urls=others)).missing == (
        "URL of gs://b/o by 'auto' after event a",
    )


def test_every_segment_with_an_address_has_a_url() -> None:
    """As many as the API shows."""
    found = effects_found(LINKS, seen(api=Api(), urls=(url("gs://b/1", "s1"),)))

    assert counts(found, "signed_urls") == (1, 2)
    assert found.missing == ("URL of gs://b/2 by 'auto' after event a",)


def test_a_url_that_is_repeated_under_another_id_cannot_be_recognised() -> None:
    """Consumers drop repeats by `ce-id`, so a repeat has the same."""
    same = seen(urls=(url("gs://b/o"), url("gs://b/o"))).progress
    assert (same.url_repeats, same.renamed_urls) == (1, set())

    other = seen(urls=(url("gs://b/o"), url("gs://b/o", message_id="v"))).progress
    assert [key.gcs_uri for key in other.renamed_urls] == ["gs://b/o"]


@pytest.mark.parametrize(
    ("message", "content", "right"),
    [(True, b"GIF", 1), (True, b"other", 0), (True, None, 0), (False, b"GIF", 0)],
)
def test_a_preview_is_announced_and_the_same_byte_for_byte(
    *, message: bool, content: bytes | None, right: int
) -> None:
    """Another content, no file, and a file that was not announced are not right."""
    look = seen(*[STORED] * message, cloud=Cloud(content), api=Api())

    assert counts(effects_found(PREVIEW, look), "previews") == (right, 1)


def test_a_document_is_of_the_newest_event_and_true() -> None:
    """What may change without an event about the video is not compared."""
    cloud = Cloud(document=document(runs=[{"status": "processing"}]))
    found = effects_found(DOCUMENT, seen(cloud=cloud, api=Api()))
    assert counts(found, "snapshots") == (1, 1)
    assert found.milliseconds == (2000,)

    counted = {"run_id": "r", "total": 2, "by_status": {"completed": 2}}
    for change in (
        {"title": "other"},
        {"found": False},
        {"event": {"event_id": "older"}},
        {"segments": counted},
    ):
        cloud = Cloud(document=document(**change))
        assert counts(effects_found(DOCUMENT, seen(cloud=cloud, api=Api())), "snapshots") == (0, 1)
    assert counts(effects_found(DOCUMENT, seen(api=Api())), "snapshots") == (0, 1)


def test_each_match_is_published_once_however_many_searches_find_it() -> None:
    """Two events that cause the same search lead to one match."""
    again = expected(Matches({"query": "q", "top_k": 3}), "b")
    both = Expected({**SEARCH.newest, **again.newest}, SEARCH.every + again.every)

    assert counts(effects_found(both, seen(MATCHED, api=Api())), "matches") == (1, 1)
    assert len(effects_found(both, seen(api=Api())).missing) == 1


def test_where_no_api_is_asked_what_is_there_is_accepted() -> None:
    """Of an account that is not the stand-in's nothing is compared with."""
    cloud = Cloud(b"anything", document(title="anything"))
    found = [effects_found(each, seen(STORED, cloud=cloud)) for each in EVERY]

    assert [each.missing for each in found] == [()] * 4
    assert [dict(each.expected) for each in found] == [{"previews": 1}, {"snapshots": 1}, {}, {}]


def test_a_cloud_that_does_not_answer_shows_nothing() -> None:
    """It is asked again at the next look."""
    cloud = Cloud(b"GIF", document())
    cloud.down = True
    look = seen(STORED, cloud=cloud, api=Api())
    assert [len(effects_found(each, look).missing) for each in (PREVIEW, DOCUMENT)] == [1, 1]

    cloud.down = False
    assert [len(effects_found(each, look).missing) for each in (PREVIEW, DOCUMENT)] == [0, 0]


def test_what_was_right_is_not_looked_at_again() -> None:
    """Unless another event wants something else of the target."""
    api, cloud = Api(), Cloud(b"GIF", document())
    settled: dict[str, Settled] = {}
    urls = url("gs://b/1", "s1"), url("gs://b/2", "s2")
    look = seen(STORED, MATCHED, cloud=cloud, api=api, urls=urls)
    first = [effects_found(each, look, settled) for each in EVERY]
    assert [each.missing for each in first] == [()] * 4

    cloud.down = True
    again = [effects_found(each, look, settled) for each in EVERY]
    assert [each.missing for each in again] == [()] * 4
    assert sorted(api.asked) == ["gif", "q 3", "segments"]

    newer = expected(VideoDocument("v"), "b")
    assert effects_found(newer, look, settled).missing == ("document media/v after event b",)


def test_what_no_event_asks_for_is_named() -> None:
    """Effects that an automation should not have had, each by what it is."""
    look = seen(STORED, MATCHED, api=Api(), urls=(url("gs://b/o"),), markers=[GREEN])

    found = effects_found(Expected({}, ()), look)

    assert found.missing == ()
    assert found.surplus == (
        "URL of gs://b/o by 'auto' after event a",
        "preview by 'auto' after event a",
        "match m of 'auto'",
        "marker on run r",
    )
    everything = MARK.every + LINK.every + PREVIEW.every + SEARCH.every
    assert effects_found(Expected({}, everything), look).surplus == ()


def test_what_an_older_event_asked_for_is_not_surplus() -> None:
    """A newer event about the target may have come before or after it was done."""
    newer = expected(NoMarker("r"), "b")
    overtaken = Expected(newer.newest, MARK.every + newer.every)

    assert effects_found(overtaken, seen(api=Api(), markers=[GREEN])).surplus == ()


def test_on_an_account_that_others_use_nothing_is_surplus() -> None:
    """They may have asked for it."""
    look = seen(STORED, MATCHED, urls=(url("gs://b/o"),), markers=[GREEN])

    assert effects_found(Expected({}, ()), look).surplus == ()
