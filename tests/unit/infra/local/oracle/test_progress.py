"""Counts of events, effects and windows."""

import pytest

from infra.local.clouds.cloud import TopicMessage
from infra.local.oracle.progress import Progress, UrlKey
from infra.local.oracle.published import PublishedEvent
from tests.support.local_run import LOST_CALL, at, drain_call, event


def one(progress: Progress, event_id: str) -> PublishedEvent:
    """The event of that id."""
    (published,) = (each for each in progress.published.values() if each.id == event_id)
    return published


def test_repeats_are_counted_and_the_first_time_is_kept() -> None:
    """A second message of an event is a repeat; the event has the time of the first."""
    progress = Progress()

    progress.note_events([event("a", seconds=2), event("b", seconds=1)])
    progress.note_events([event("a", seconds=5)])

    assert (len(progress.events), progress.messages, progress.repeats) == (2, 3, 1)
    assert one(progress, "a").published_at == at(2)
    assert progress.first_event_at == at(1)


def test_a_gap_is_no_event() -> None:
    """Gap events have their own count."""
    progress = Progress()

    progress.note_events([event("gap", "bridge.stream.gap")])

    assert (progress.gaps, progress.messages) == (1, 0)


def test_data_that_is_no_event_causes_no_effect() -> None:
    """It counts as published, but no automation must act on it."""
    progress = Progress()

    progress.note_events([TopicMessage({**event("a").attributes}, b"[not json", at(1))])

    assert (progress.events["a"], progress.published) == (1, {})


def test_webhook_events_have_their_own_count_and_the_same_shape() -> None:
    """A webhook event is no event of the stream; automations get both in one shape."""
    progress = Progress()
    attributes = {
        "ce-channel": "webhook",
        "ce-id": "w",
        "ce-source": "//webhook",
        "ce-type": "com.vectormethods.export.ready",
    }
    body = (
        b'{"id":"w","event":"export.ready","data":{"run_id":"r"},"created_at":"2026-01-01T00:00Z"}'
    )
    message = TopicMessage(attributes, body, at(1))

    progress.note_events([message, message, event("a")])

    assert (progress.messages, progress.repeats, progress.webhook_repeats) == (1, 0, 1)
    assert list(progress.webhooks) == ["w"]
    webhook = one(progress, "w")
    assert (webhook.type, webhook.channel, webhook.run_id) == ("export.ready", "webhook", "r")
    assert webhook.payload == {"run_id": "r"}


def test_attributes_take_precedence_over_data() -> None:
    """Id, type and time are the attributes' if the data differs or lacks them."""
    progress = Progress()
    odd = TopicMessage({**event("a").attributes}, b'{"event_id": "b", "event_type": "x"}', at(1))

    progress.note_events([odd])

    published = one(progress, "a")
    assert (published.type, published.version) == (
        "processing.run_failed",
        (at(1), "a", "//stream"),
    )
    assert (published.payload, published.run_id) == ({}, "")


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b'{"created_at": "soon"}', b"{}"])
def test_an_event_without_a_time_or_an_object_causes_no_effect(data: bytes) -> None:
    """It is only counted."""
    progress = Progress()
    attributes = {"ce-id": "a", "ce-type": "com.vectormethods.x"}

    progress.note_events([TopicMessage(attributes, data, at(1))])

    assert (progress.events["a"], progress.published) == (1, {})


def test_windows_are_counted_by_outcome() -> None:
    """Ended, killed and busy windows have their own counts."""
    progress = Progress()

    for each in (
        drain_call(published=5, reconnects=1),
        drain_call("busy"),
        LOST_CALL,
        drain_call("failed", message="No."),
    ):
        progress.note_call(each)

    assert (progress.windows, progress.cut_windows, progress.busy_windows) == (2, 1, 1)
    assert (progress.published_by_ended, progress.reconnects) == (5, 1)
    assert progress.failures == ["No."]


def test_the_bridges_own_events_have_their_own_count() -> None:
    """They are neither the stream's nor a webhook's, but automations may act on them."""
    progress = Progress()
    payload = {"automation": "auto", "event_id": "a"}
    own = event("o", "media.preview_stored", 2, channel="bridge", payload=payload)

    progress.note_events([own, own, event("a")])

    assert (progress.messages, len(progress.webhooks), progress.bridge_events["o"]) == (1, 0, 2)
    assert one(progress, "o").channel == "bridge"
    assert progress.previews == {("auto", "a"): at(2)}


def test_matches_are_identified_by_automation_and_result() -> None:
    """The event that caused the search does not matter."""
    progress = Progress()
    payload = {"automation": "auto", "event_id": "a", "match": {"result_id": "m"}}

    progress.note_events([event("o", "search.matched", 2, channel="bridge", payload=payload)])

    assert progress.matches == {("auto", "m"): at(2)}


def test_signed_urls_count_once() -> None:
    """A second message of a URL is a repeat."""
    progress = Progress()
    data = b'{"automation": "auto", "event_id": "a", "segment_id": null, "gcs_uri": "gs://b/o"}'
    message = TopicMessage({"ce-id": "a:1"}, data, at(1))

    progress.note_urls([message, message])

    assert progress.urls == {UrlKey("auto", "a", "", "gs://b/o"): at(1)}
    assert (progress.url_repeats, progress.renamed_urls) == (1, set())
