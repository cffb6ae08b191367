"""URLs for every segment of a video: one record per event, and no segment decides for another."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from infra.standin import MEDIA_BUCKET
from infra.standin.library.catalog import StoredObject
from tests.support.contexts import (
    with_api,
    with_documents,
    with_effects,
    with_limits,
    with_list_lock,
    with_topics,
)
from tests.support.deployed_function import DeployedFunction
from tests.support.signed_urls import POST, Deploy, deploy_links, key_of, processed
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.backends.ports import Document, Documents, Message, Timeout, Topics

SEGMENTS = """
[[automation]]
name = "segments"
on = ["processing.video_completed"]
[automation.issue_signed_url]
segments = true
"""
LIST = "POST /videos/batch/segments"
RECORD = f"signed_url:{key_of('segments')}"
FINE = {"on": POST, "kind": "delay", "seconds": 0}
DOWN = {"on": POST, "kind": "status", "status": 503}
ATTEMPTS = 4
"""How often one request is tried within a delivery."""


@pytest.fixture
def links(deploy: Deploy) -> DeployedFunction:
    """The function over each backend in turn."""
    return deploy_links(deploy, SEGMENTS)


@pytest.fixture
def embedded(deploy_embedded: Deploy) -> DeployedFunction:
    """The function over the embedded backend."""
    return deploy_links(deploy_embedded, SEGMENTS)


def segments(deployed: DeployedFunction) -> dict[str, str]:
    """The segments of a video of the stand-in, with their URIs."""
    (video, *_) = deployed.standin.state.library.videos.values()
    return {each.segment_id: each.gcs_uri for each in video.segments}


def of_video(deployed: DeployedFunction, name: str = "evt_1") -> dict[str, Any]:
    """An event about a video of the stand-in, without a run."""
    return {
        **processed("", name),
        "video_id": next(iter(deployed.standin.state.library.videos)),
        "run_id": None,
    }


def change_segments(deployed: DeployedFunction, *changes: dict[str, Any]) -> None:
    """Let VideoVector list the first segments of the video with other values."""

    def changed(api: VideoVectorClient, targets: Any) -> Any:
        (row,) = api.batch_segments_for_targets(targets)
        for segment, values in zip(row["segments"], changes, strict=False):
            segment.update(values)
        return [row]

    deployed.change(with_api(batch_segments_for_targets=changed))
    assert len(segments(deployed)) > len(changes)


def issued(deployed: DeployedFunction) -> list[str]:
    """The segments that have URLs, in the order of publishing."""
    return [json.loads(one.data)["segment_id"] for one in deployed.published("media-urls")]


def refused_parts(deployed: DeployedFunction) -> list[str]:
    """The segments on `rejected`, one for each message."""
    rejected = deployed.published("rejected")
    assert all(one.attributes["automation"] == "segments" for one in rejected)
    return [one.attributes["target-part"] for one in rejected]


def test_every_segment_of_a_video_has_a_url(links: DeployedFunction) -> None:
    """Each segment has a message with its id. A redelivery publishes nothing."""
    assert links.push(of_video(links)) == 200
    assert links.push(of_video(links)) == 200

    messages = [json.loads(one.data) for one in links.published("media-urls")]
    assert {one["segment_id"]: one["gcs_uri"] for one in messages} == segments(links)
    assert len(messages) == len(segments(links)) == links.requests(POST)
    assert links.requests(LIST) == 1
    ids = {one.attributes["ce-id"] for one in links.published("media-urls")}
    assert ids == {f"{key_of('segments')}:{segment_id}" for segment_id in segments(links)}


class RecordingDocuments:
    """A document store that records the name of each call, and its document."""

    def __init__(self, real: Documents, calls: list[tuple[str, str]]) -> None:
        self._real = real
        self._calls = calls

    def read(self, collection: str, document_id: str, **named: Any) -> Document | None:
        """Read, and record it."""
        self._calls.append(("read", f"{collection}/{document_id}"))
        return self._real.read(collection, document_id, **named)

    def write(self, collection: str, document_id: str, *args: Any, **named: Any) -> Document:
        """Write, and record it."""
        self._calls.append(("write", f"{collection}/{document_id}"))
        return self._real.write(collection, document_id, *args, **named)


def test_an_event_has_one_record_for_all_segments(links: DeployedFunction) -> None:
    """A first delivery writes it at the claim and at the end, and does not read it."""
    calls: list[tuple[str, str]] = []
    links.change(with_documents(lambda real: RecordingDocuments(real, calls)))

    assert links.push(of_video(links)) == 200

    assert [call for call in calls if call[1].startswith("effects/")] == [
        ("write", f"effects/{RECORD}")
    ] * 2
    fields = links.record(RECORD).fields
    assert (len(fields["parts_done"]), fields["pending"]) == (len(segments(links)), {})


def test_a_failure_half_way_stops_no_other_segment(embedded: DeployedFunction) -> None:
    """The redelivery requests only the one that failed."""
    first, second, third, *others = segments(embedded)
    embedded.standin.control.faults(FINE, FINE, *[DOWN] * ATTEMPTS)

    assert embedded.push(of_video(embedded)) == 503
    assert issued(embedded) == [first, second, *others]
    asked = embedded.requests(POST)
    assert embedded.push(of_video(embedded)) == 200

    assert issued(embedded) == [first, second, *others, third]
    assert embedded.requests(POST) == asked + 1
    assert embedded.standin.control.journal(ids=False)["signed_urls"] == len(segments(embedded))


class DeathError(BaseException):
    """The process ends here."""


def test_a_crash_half_way_costs_only_what_was_not_noted(embedded: DeployedFunction) -> None:
    """A redelivery after the end of the claim continues from the saved progress."""
    embedded.change(with_effects(save_seconds=-1.0))
    first, second, *others = segments(embedded)
    count = 0

    def dying(topics: Topics, topic: str, messages: Sequence[Message], timeout: Timeout) -> None:
        nonlocal count
        if count == 2:
            raise DeathError
        count += 1
        topics.publish(topic, messages, timeout=timeout)

    with embedded.changed(with_topics(dying)), pytest.raises(DeathError):
        embedded.push(of_video(embedded))
    assert embedded.push(of_video(embedded)) == 503  # the claim is held
    (until,) = embedded.record(RECORD).fields["pending"].values()
    embedded.set_clock(until)
    asked = embedded.requests(POST)

    assert embedded.push(of_video(embedded)) == 200

    assert issued(embedded) == [first, second, *others]
    assert embedded.requests(POST) == asked + len(others)


def test_a_refused_segment_is_reported_alone(embedded: DeployedFunction) -> None:
    """The report has its id. The others have URLs."""
    change_segments(
        embedded, {"gcs_uri": "gs://elsewhere/x"}, {"gcs_uri": f"gs://{MEDIA_BUCKET}/no"}
    )
    first, second, *others = segments(embedded)

    assert embedded.push(of_video(embedded)) == 200

    assert issued(embedded) == others
    assert refused_parts(embedded) == [first, second]
    codes = [one.attributes["code"] for one in embedded.published("rejected")]
    assert codes == ["bucket_not_allowed", "not_found"]
    assert [json.loads(one.data) for one in embedded.published("rejected")] == [
        of_video(embedded)
    ] * 2
    assert embedded.record(RECORD).fields["pending"] == {}


def test_a_refusal_is_reported_once_though_another_segment_fails(
    embedded: DeployedFunction,
) -> None:
    """The redelivery requests only the one that failed, and reports nothing."""
    change_segments(embedded, {"gcs_uri": "gs://elsewhere/x"})
    first, *others = segments(embedded)
    embedded.standin.control.faults(*[DOWN] * ATTEMPTS)

    assert embedded.push(of_video(embedded)) == 503
    assert embedded.push(of_video(embedded)) == 200

    assert refused_parts(embedded) == [first]
    assert sorted(issued(embedded)) == sorted(others)
    assert embedded.requests(POST) == ATTEMPTS + len(others)


def test_after_a_correction_only_refused_segments_are_asked_for(
    links: DeployedFunction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The redrive of the rejected message requests only the refused segment."""
    uri = "gs://elsewhere/x.mp4"
    monkeypatch.setitem(links.standin.state.library.objects, uri, StoredObject("video/mp4", "x"))
    change_segments(links, {"gcs_uri": uri})
    first, *others = segments(links)
    assert links.push(of_video(links)) == 200
    (rejected,) = links.published("rejected")
    links.set("SIGNED_URL_BUCKETS", f"elsewhere, {MEDIA_BUCKET}")
    asked = links.requests(POST)

    for _ in range(2):
        assert links.redrive(rejected) == 200

    assert issued(links) == [*others, first]
    assert links.requests(POST) == asked + 1
    assert len(links.published("rejected")) == 1


def test_what_is_still_refused_is_reported_again(embedded: DeployedFunction) -> None:
    """A redrive without a correction leads to a new report."""
    change_segments(embedded, {"gcs_uri": "gs://elsewhere/x"})
    embedded.push(of_video(embedded))
    (rejected,) = embedded.published("rejected")

    assert embedded.redrive(rejected) == 200

    assert len(refused_parts(embedded)) == 2
    assert embedded.requests(POST) == len(segments(embedded)) - 1


def test_a_bug_with_one_segment_stops_no_other(embedded: DeployedFunction) -> None:
    """The others are done. A redelivery after the end of the claim repeats that one."""
    first, *others = segments(embedded)

    def failing(api: VideoVectorClient, gcs_uri: str, **named: Any) -> Any:
        if gcs_uri == segments(embedded)[first]:
            raise ValueError("a bug")
        return api.signed_url(gcs_uri, **named)

    with embedded.changed(with_api(signed_url=failing)):
        assert embedded.push(of_video(embedded)) == 500
    assert issued(embedded) == others
    (until,) = embedded.record(RECORD).fields["pending"].values()
    embedded.set_clock(until)

    assert embedded.push(of_video(embedded)) == 200

    assert issued(embedded) == [*others, first]


@pytest.mark.parametrize(
    ("one", "other"),
    [("s" * 500 + "1", "s" * 500 + "2"), ("s" * 2_000, "s" * 2_001), ("é", "e"), (" a", "a ")],
    ids=["long", "longer than an attribute", "not ASCII", "blanks"],
)
def test_ids_of_any_form_name_their_messages(
    embedded: DeployedFunction, one: str, other: str
) -> None:
    """An id that is invalid in an attribute is hashed there; the data has the id itself."""
    elsewhere = {"segment_id": one + "3", "gcs_uri": "gs://elsewhere/x"}
    change_segments(embedded, {"segment_id": one}, {"segment_id": other}, elsewhere)

    assert embedded.push(of_video(embedded)) == 200

    assert issued(embedded)[:2] == [one, other]
    messages = embedded.published("media-urls")
    count = len(segments(embedded)) - 1
    assert len({message.attributes["ce-id"] for message in messages}) == count
    assert all(len(message.attributes["ce-id"]) <= 1_024 for message in messages)
    assert embedded.standin.control.journal(ids=False)["signed_urls"] == count
    assert len(refused_parts(embedded)) == 1


@pytest.mark.parametrize("values", [{"segment_id": None}, {"gcs_uri": None}, {"segment_id": ""}])
def test_a_segment_without_id_or_address_is_left_out(
    embedded: DeployedFunction, values: dict[str, Any]
) -> None:
    """VideoVector lists such segments while it processes a video."""
    change_segments(embedded, values)

    assert embedded.push(of_video(embedded)) == 200

    assert issued(embedded) == list(segments(embedded))[1:]


def test_segments_that_take_too_long_are_continued(embedded: DeployedFunction) -> None:
    """The redelivery continues at once: the claim has ended."""
    with embedded.changed(with_limits(parts=-1.0)):
        assert embedded.push(of_video(embedded)) == 503
    assert issued(embedded) == []

    assert embedded.push(of_video(embedded)) == 200
    assert issued(embedded) == list(segments(embedded))


def test_the_segments_of_no_video_are_rejected(embedded: DeployedFunction) -> None:
    """An event without a video is rejected; the user can correct that."""
    assert embedded.push({**processed(""), "video_id": None}) == 200

    (rejected,) = embedded.published("rejected")
    assert (rejected.attributes["reason"], rejected.attributes["code"]) == ("user", "no_target")


def test_one_list_of_segments_is_read_at_a_time(embedded: DeployedFunction) -> None:
    """Lists may be large. While another message reads one, this message is redelivered."""
    embedded.change(with_list_lock(wait_seconds=0.0))

    with embedded.context.list_lock.acquired():
        assert embedded.push(of_video(embedded)) == 503
    assert embedded.requests(LIST) == 0

    assert embedded.push(of_video(embedded)) == 200
    assert issued(embedded) == list(segments(embedded))
