"""Counting what a run has seen."""

from infra.local.cloud import Observed
from infra.local.progress import Progress
from tests.unit.local_run import LOST_TICK, at, event, tick


def test_repeats_are_counted_and_the_first_sight_kept() -> None:
    """The same event again is a repeat; its time is that of the first message."""
    progress = Progress()

    progress.note_events([event("a", seconds=2), event("b", seconds=1)])
    progress.note_events([event("a", seconds=5)])

    assert (len(progress.events), progress.messages, progress.repeats) == (2, 3, 1)
    assert progress.first_seen["a"] == at(2)
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

    assert (progress.events["a"], progress.data) == (1, {})


def test_webhooks_are_counted_apart_and_seen_in_the_same_shape() -> None:
    """An event that came by webhook is no event of the stream; automations see both alike."""
    progress = Progress()
    attributes = {
        "ce-channel": "webhook",
        "ce-id": "w",
        "ce-type": "com.vectormethods.export.ready",
    }
    body = (
        b'{"id":"w","event":"export.ready","data":{"run_id":"r"},"created_at":"2026-01-01T00:00Z"}'
    )
    message = Observed(attributes, body, at(1))

    progress.note_events([message, message, event("a")])

    assert (progress.messages, progress.repeats, progress.webhook_repeats) == (1, 0, 1)
    assert list(progress.webhooks) == ["w"]
    assert progress.data["w"].fields["run_id"] == "r"
    assert progress.data["w"].fields["channel"] == "webhook"


def test_attributes_go_before_data() -> None:
    """Id, type and time are those of the message where the data says otherwise, or nothing."""
    progress = Progress()
    odd = Observed({**event("a").attributes}, b'{"event_id": "b", "event_type": "x"}', at(1))

    progress.note_events([odd])

    fields = progress.data["a"].fields
    assert (fields["event_id"], fields["event_type"]) == ("a", "processing.run_failed")
    assert progress.data["a"].version.created_at == at(1).isoformat(timespec="microseconds")
    assert fields["payload"] == {}
    assert fields["run_id"] is None


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
    own = event("o", "media.preview_stored", 2, channel="bridge")

    progress.note_events([own, own, event("a")])

    assert (progress.messages, len(progress.webhooks), progress.own["o"]) == (1, 0, 2)
    assert progress.data["o"].fields["channel"] == "bridge"


def test_signed_urls_count_once() -> None:
    """A URL message that comes again is a repeat."""
    progress = Progress()
    message = Observed({"ce-id": "a:1"}, b"", at(1))

    progress.note_urls([message, message])

    assert (len(progress.urls), progress.url_repeats) == (1, 1)
