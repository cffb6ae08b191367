"""Counting what a run has seen."""

import pytest

from infra.local.clouds.cloud import Observed
from infra.local.oracle.progress import Progress, UrlKey
from infra.local.oracle.published import PublishedEvent
from tests.support.local_run import LOST_TICK, at, event, tick


def one(progress: Progress, event_id: str) -> PublishedEvent:
    """The event of that id."""
    (found,) = (each for each in progress.published.values() if each.id == event_id)
    return found


def test_repeats_are_counted_and_the_first_sight_kept() -> None:
    """The same event again is a repeat; its time is that of the first message."""
    progress = Progress()

    progress.note_events([event("a", seconds=2), event("b", seconds=1)])
    progress.note_events([event("a", seconds=5)])

    assert (len(progress.events), progress.messages, progress.repeats) == (2, 3, 1)
    assert one(progress, "a").published_at == at(2)
    assert progress.first_event_at == at(1)


def test_a_gap_is_no_event() -> None:
    """The bridge's own gap events are counted apart."""
    progress = Progress()

    progress.note_events([event("gap", "bridge.stream.gap")])

    assert (progress.gaps, progress.messages) == (1, 0)


def test_data_that_is_no_event_has_no_effect() -> None:
    """It is counted as published; automations are not expected to act on it."""
    progress = Progress()

    progress.note_events([Observed({**event("a").attributes}, b"[not json", at(1))])

    assert (progress.events["a"], progress.published) == (1, {})


def test_webhooks_are_counted_apart_and_seen_in_the_same_shape() -> None:
    """An event that came by webhook is no event of the stream; automations see both alike."""
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
    message = Observed(attributes, body, at(1))

    progress.note_events([message, message, event("a")])

    assert (progress.messages, progress.repeats, progress.webhook_repeats) == (1, 0, 1)
    assert list(progress.webhooks) == ["w"]
    webhook = one(progress, "w")
    assert (webhook.type, webhook.channel, webhook.run_id) == ("export.ready", "webhook", "r")
    assert webhook.payload == {"run_id": "r"}


def test_attributes_go_before_data() -> None:
    """Id, type and time are those of the message where the data says otherwise, or nothing."""
    progress = Progress()
    odd = Observed({**event("a").attributes}, b'{"event_id": "b", "event_type": "x"}', at(1))

    progress.note_events([odd])

    found = one(progress, "a")
    assert (found.type, found.version) == ("processing.run_failed", (at(1), "a", "//stream"))
    assert (found.payload, found.run_id) == ({}, "")


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b'{"created_at": "soon"}', b"{}"])
def test_an_event_without_a_time_or_an_object_has_no_effect(data: bytes) -> None:
    """Whatever its data is; then it is only counted."""
    progress = Progress()
    attributes = {"ce-id": "a", "ce-type": "com.vectormethods.x"}

    progress.note_events([Observed(attributes, data, at(1))])

    assert (progress.events["a"], progress.published) == (1, {})


def test_windows_are_told_apart() -> None:
    """Windows that ended, were cut off, or found the lease taken are counted each apart."""
    progress = Progress()

    for each in (
        tick(published=5, reconnects=1),
        tick("busy"),
        LOST_TICK,
        tick("failed", message="No."),
    ):
        progress.note_tick(each)

    assert (progress.windows, progress.cut_windows, progress.busy_windows) == (2, 1, 1)
    assert (progress.published_by_ended, progress.reconnects) == (5, 1)
    assert progress.failures == ["No."]


def test_the_bridges_own_events_are_told_apart() -> None:
    """They count neither as the stream's nor as a webhook's, but automations may see them."""
    progress = Progress()
    payload = {"automation": "auto", "event_id": "a"}
    own = event("o", "media.preview_stored", 2, channel="bridge", payload=payload)

    progress.note_events([own, own, event("a")])

    assert (progress.messages, len(progress.webhooks), progress.own["o"]) == (1, 0, 2)
    assert one(progress, "o").channel == "bridge"
    assert progress.previews == {("auto", "a"): at(2)}


def test_matches_are_known_by_automation_and_result() -> None:
    """Whichever event caused the search."""
    progress = Progress()
    payload = {"automation": "auto", "event_id": "a", "match": {"result_id": "m"}}

    progress.note_events([event("o", "search.matched", 2, channel="bridge", payload=payload)])

    assert progress.matches == {("auto", "m"): at(2)}


def test_signed_urls_count_once() -> None:
    """A URL message that comes again is a repeat."""
    progress = Progress()
    data = b'{"automation": "auto", "event_id": "a", "segment_id": null, "gcs_uri": "gs://b/o"}'
    message = Observed({"ce-id": "a:1"}, data, at(1))

    progress.note_urls([message, message])

    assert progress.urls == {UrlKey("auto", "a", "", "gs://b/o"): at(1)}
    assert (progress.url_repeats, progress.renamed_urls) == (1, set())
