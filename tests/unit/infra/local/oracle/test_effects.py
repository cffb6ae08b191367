"""Comparison of effects, by kind: correct, wrong, missing and surplus."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from infra.local.clouds.cloud import TopicMessage
from infra.local.oracle.effects import Confirmed, Effects, compare_effects
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
from infra.local.oracle.observation import Observation, index_markers
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
    """One expected effect of automation `auto` on an event."""
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


def own(event_type: str, **payload: Any) -> TopicMessage:
    """An event of the bridge about an effect of automation `auto`."""
    payload = {"automation": "auto", **payload}
    return event("own", event_type, 2, channel="bridge", payload=payload)


STORED = own("media.preview_stored", event_id="a")
MATCHED = own("search.matched", match=MATCH)


def url(
    gcs_uri: str, segment_id: str | None = None, message_id: str = "u", **data: Any
) -> TopicMessage:
    """A message on `media-urls`."""
    fields = {"automation": "auto", "event_id": "a", "segment_id": segment_id, "gcs_uri": gcs_uri}
    return TopicMessage({"ce-id": message_id}, orjson.dumps(fields | data), at(1.5))


class Api:
    """VideoVector's API, which counts its requests."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    def batch_segments_for_targets(self, _targets: Any) -> list[dict[str, Any]]:
        """Two segments with a Cloud Storage URI, and one without."""
        self.requests.append("segments")
        return [{"segments": SEGMENTS}]

    def playground_search(self, query: str, top_k: int) -> list[dict[str, Any]]:
        """One match."""
        self.requests.append(f"{query} {top_k}")
        return [MATCH]

    def playground_filter_search(self, _conditions: Any) -> list[dict[str, Any]]:
        """One match."""
        return [MATCH]

    def gif(self, _video_id: str) -> Media:
        """A picture."""
        self.requests.append("gif")
        return Media(b"GIF", "image/gif")

    def batch_videos(self, _ids: Any) -> list[Any]:
        """Details."""
        return [VIDEO]

    def batch_segments(self, _ids: Any) -> list[Any]:
        """Segments."""
        return [{"video_id": "v", "run_id": "r", "segments": SEGMENTS}]


class Cloud:
    """A cloud with at most one file and one document."""

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


def observe(
    *messages: TopicMessage,
    cloud: Cloud | None = None,
    api: Api | None = None,
    markers: list[dict[str, Any]] | None = None,
    urls: tuple[TopicMessage, ...] = (),
) -> Observation:
    """An observation of messages, markers and stored state."""
    progress = Progress()
    progress.note_events(list(messages))
    progress.note_urls(list(urls))
    oracle = Oracle(cast("Any", cloud or Cloud()), cast("Any", api))
    return Observation(progress, index_markers(markers), oracle)


def counts(effects: Effects, kind: str) -> tuple[int, int]:
    """The confirmed and the expected number."""
    return effects.confirmed[kind], effects.expected[kind]


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


def test_a_marker_is_confirmed_only_with_its_colour_and_note() -> None:
    """A marker with another colour, note or target does not count."""
    right = compare_effects(MARK, observe(markers=[GREEN | {"updated_at": at(2.25).isoformat()}]))
    assert counts(right, "markers") == (1, 1)
    assert right.milliseconds == (1250,)

    for change in ({"color": "red"}, {"note": ""}, {"target_id": "other"}, {"field_path": "f"}):
        wrong = compare_effects(MARK, observe(markers=[GREEN | change]))
        assert counts(wrong, "markers") == (0, 1)
        assert wrong.missing == ("green marker on run r after event a",)


def test_a_marker_must_be_deleted() -> None:
    """A marker on a field of the run does not count."""
    assert counts(compare_effects(GONE, observe(markers=[])), "markers_deleted") == (1, 1)
    field = GREEN | {"field_path": "f"}
    assert counts(compare_effects(GONE, observe(markers=[field])), "markers_deleted") == (1, 1)

    still = compare_effects(GONE, observe(markers=[GREEN]))
    assert still.missing == ("no marker on run r after event a",)


def test_markers_that_are_no_longer_red_are_counted() -> None:
    """They count when the effect after red is confirmed, even if red was never observed."""
    for effect, right, wrong in (
        (NoMarker("r"), [], [GREEN]),
        (Marker("r", "green", "n"), [GREEN], []),
    ):
        after_red = expected(effect, red_before=True)

        assert compare_effects(after_red, observe(markers=right)).red_no_more == 1
        assert compare_effects(after_red, observe(markers=wrong)).red_no_more == 0
        assert compare_effects(expected(effect), observe(markers=right)).red_no_more == 0


def test_markers_that_are_not_readable_are_not_expected() -> None:
    """If the key may not read markers, none is missing."""
    for one in (MARK, GONE):
        assert compare_effects(one, observe(markers=None)) == Effects()


def test_a_url_is_identified_by_object_automation_and_event() -> None:
    """Its latency starts at the publish time of its event."""
    effects = compare_effects(LINK, observe(urls=(url("gs://b/o"),)))
    assert counts(effects, "signed_urls") == (1, 1)
    assert effects.milliseconds == (500,)

    others = (url("gs://b/p"), url("gs://b/o", automation="other"), url("gs://b/o", event_id="b"))
    assert compare_effects(LINK, observe(urls=others)).missing == (
        "URL of gs://b/o by 'auto' after event a",
    )


def test_every_segment_with_a_uri_has_a_url() -> None:
    """The API has the segments."""
    effects = compare_effects(LINKS, observe(api=Api(), urls=(url("gs://b/1", "s1"),)))

    assert counts(effects, "signed_urls") == (1, 2)
    assert effects.missing == ("URL of gs://b/2 by 'auto' after event a",)


def test_a_url_that_is_repeated_with_another_id_is_reported() -> None:
    """Consumers deduplicate by `ce-id`, so a repeat must have the same one."""
    same = observe(urls=(url("gs://b/o"), url("gs://b/o"))).progress
    assert (same.url_repeats, same.renamed_urls) == (1, set())

    other = observe(urls=(url("gs://b/o"), url("gs://b/o", message_id="v"))).progress
    assert [key.gcs_uri for key in other.renamed_urls] == ["gs://b/o"]


@pytest.mark.parametrize(
    ("message", "content", "right"),
    [(True, b"GIF", 1), (True, b"other", 0), (True, None, 0), (False, b"GIF", 0)],
)
def test_a_preview_needs_its_event_and_the_exact_content(
    *, message: bool, content: bytes | None, right: int
) -> None:
    """Other content, no file, and a file without an event are not confirmed."""
    observation = observe(*[STORED] * message, cloud=Cloud(content), api=Api())

    assert counts(compare_effects(PREVIEW, observation), "previews") == (right, 1)


def test_a_document_is_of_the_newest_event_and_correct() -> None:
    """Fields that change without an event about the video are not compared."""
    cloud = Cloud(document=document(runs=[{"status": "processing"}]))
    effects = compare_effects(DOCUMENT, observe(cloud=cloud, api=Api()))
    assert counts(effects, "snapshots") == (1, 1)
    assert effects.milliseconds == (2000,)

    counted = {"run_id": "r", "total": 2, "by_status": {"completed": 2}}
    for change in (
        {"title": "other"},
        {"found": False},
        {"event": {"event_id": "older"}},
        {"segments": counted},
    ):
        cloud = Cloud(document=document(**change))
        assert counts(compare_effects(DOCUMENT, observe(cloud=cloud, api=Api())), "snapshots") == (
            0,
            1,
        )
    assert counts(compare_effects(DOCUMENT, observe(api=Api())), "snapshots") == (0, 1)


def test_a_match_of_several_searches_is_expected_once() -> None:
    """Two events that cause the same search cause one message."""
    second = expected(Matches({"query": "q", "top_k": 3}), "b")
    both = Expected({**SEARCH.newest, **second.newest}, SEARCH.every + second.every)

    assert counts(compare_effects(both, observe(MATCHED, api=Api())), "matches") == (1, 1)
    assert len(compare_effects(both, observe(api=Api())).missing) == 1


def test_without_an_api_any_content_is_accepted() -> None:
    """On a real account the oracle makes no requests."""
    cloud = Cloud(b"anything", document(title="anything"))
    effects = [compare_effects(each, observe(STORED, cloud=cloud)) for each in EVERY]

    assert [each.missing for each in effects] == [()] * 4
    assert [dict(each.expected) for each in effects] == [{"previews": 1}, {"snapshots": 1}, {}, {}]


def test_a_cloud_that_does_not_respond_confirms_nothing() -> None:
    """It is read again at the next comparison."""
    cloud = Cloud(b"GIF", document())
    cloud.down = True
    observation = observe(STORED, cloud=cloud, api=Api())
    assert [len(compare_effects(each, observation).missing) for each in (PREVIEW, DOCUMENT)] == [
        1,
        1,
    ]

    cloud.down = False
    assert [len(compare_effects(each, observation).missing) for each in (PREVIEW, DOCUMENT)] == [
        0,
        0,
    ]


def test_confirmed_effects_are_not_checked_again() -> None:
    """A newer event about the target is checked."""
    api, cloud = Api(), Cloud(b"GIF", document())
    confirmed: dict[str, Confirmed] = {}
    urls = url("gs://b/1", "s1"), url("gs://b/2", "s2")
    observation = observe(STORED, MATCHED, cloud=cloud, api=api, urls=urls)
    first = [compare_effects(each, observation, confirmed) for each in EVERY]
    assert [each.missing for each in first] == [()] * 4

    cloud.down = True
    again = [compare_effects(each, observation, confirmed) for each in EVERY]
    assert [each.missing for each in again] == [()] * 4
    assert sorted(api.requests) == ["gif", "q 3", "segments"]

    newer = expected(VideoDocument("v"), "b")
    assert compare_effects(newer, observation, confirmed).missing == (
        "document media/v after event b",
    )


def test_effects_that_no_event_causes_are_surplus() -> None:
    """Each is described."""
    observation = observe(STORED, MATCHED, api=Api(), urls=(url("gs://b/o"),), markers=[GREEN])

    effects = compare_effects(Expected({}, ()), observation)

    assert effects.missing == ()
    assert effects.surplus == (
        "URL of gs://b/o by 'auto' after event a",
        "preview by 'auto' after event a",
        "match m of 'auto'",
        "marker on run r",
    )
    everything = MARK.every + LINK.every + PREVIEW.every + SEARCH.every
    assert compare_effects(Expected({}, everything), observation).surplus == ()


def test_an_effect_of_an_older_event_is_not_surplus() -> None:
    """The newer event may be handled before or after the older one."""
    newer = expected(NoMarker("r"), "b")
    overtaken = Expected(newer.newest, MARK.every + newer.every)

    assert compare_effects(overtaken, observe(api=Api(), markers=[GREEN])).surplus == ()


def test_on_a_shared_account_nothing_is_surplus() -> None:
    """Other users may have caused it."""
    observation = observe(STORED, MATCHED, urls=(url("gs://b/o"),), markers=[GREEN])

    assert compare_effects(Expected({}, ()), observation).surplus == ()
