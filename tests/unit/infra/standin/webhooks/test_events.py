"""Webhook events of processing events."""

from dataclasses import replace

from infra.standin.webhooks.events import WebhookEventMapper
from tests.support.standin_events import make_event


def test_each_video_is_announced_once() -> None:
    """`media.created` precedes the first event of a video only."""
    mapper = WebhookEventMapper(seed=1)
    started = replace(
        make_event("e", "run_1", video_id="vid_1"), event_type="processing.video_started"
    )

    types = [each.event_type for _ in range(2) for each in mapper.from_event(started)]

    assert types == ["media.created", "media.processing.started", "media.processing.started"]


def test_most_processing_events_have_no_webhook_event() -> None:
    """Segments are not announced."""
    segment = replace(make_event("e"), event_type="processing.segment_completed")

    assert WebhookEventMapper(seed=1).from_event(segment) == []
