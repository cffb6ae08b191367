"""`cli.webhook.delivery_check`: wait for a test event, and explain its absence."""

from collections.abc import Mapping, Sequence

import pytest

from tests.support.api_client import Clock
from tests.support.webhook_api import WebhookApi, webhook
from videovector_bridge.cli.errors import NotReachedError
from videovector_bridge.cli.webhook.delivery_check import Arrival, await_test_event
from videovector_bridge.events import is_test_event

TEST = {
    "ce-type": "com.vectormethods.test",
    "ce-source": "//api.example.test/webhooks/w1",
    "ce-id": "evt_1",
}


class ScriptedWatch:
    """The `Watch` port with scripted results, one for each poll."""

    def __init__(self, clock: Clock, *polls: Sequence[Mapping[str, str]]) -> None:
        self._clock = clock
        self._polls = list(polls)

    def poll(self, seconds: float) -> Sequence[Mapping[str, str]]:
        """Return the next result at once; after the last, nothing once the time has passed."""
        if self._polls:
            return self._polls.pop(0)
        self._clock.sleep(seconds)
        return []


def wait(api: WebhookApi, *polls: Sequence[Mapping[str, str]]) -> Arrival:
    """Wait at most 10 s for a test event."""
    clock = Clock()
    watch = ScriptedWatch(clock, *polls)
    return await_test_event(api.client(), "w1", watch, seconds=10, where="topics/x", clock=clock)


def test_the_test_event_is_found() -> None:
    """Other messages are ignored."""
    other = TEST | {"ce-type": "com.vectormethods.media.created"}

    assert Arrival("evt_1", 204, 0.0) == wait(WebhookApi([webhook("w1")]), [other], [], [TEST])


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"ce-source": "//other.host/webhooks/w1"}, True),
        ({"ce-source": "//api.example.test/webhooks/unknown"}, True),
        ({"ce-source": "//api.example.test/webhooks/w2"}, False),
        ({"ce-source": "//api.example.test/processing/events"}, False),
        ({"ce-type": "com.vectormethods.tested"}, False),
    ],
)
def test_which_events_match(*, changes: dict[str, str], fits: bool) -> None:
    """Test events of this webhook, from any host, or without a webhook id."""
    assert fits == is_test_event(TEST | changes, "w1")


@pytest.mark.parametrize(
    ("response", "words"),
    [
        ({"success": False, "status_code": 401}, "secrets are not this webhook's"),
        ({"success": False, "status_code": 404}, "is --url that of receive_webhook"),
        ({"success": False, "status_code": 503}, "has no secret yet"),
        ({"success": False, "status_code": 500}, "Its log says why"),
        ({"success": False, "error": "connection refused"}, "connection refused"),
        ({"success": False}, "whether VideoVector may call it"),
    ],
)
def test_a_refusal_is_explained(response: dict[str, object], words: str) -> None:
    """The message names the settings to check."""
    api = WebhookApi([webhook("w1")])
    api.test_response = response

    with pytest.raises(NotReachedError, match=words):
        wait(api)


def test_an_event_that_does_not_arrive_is_explained() -> None:
    """After the timeout, the message names the settings to check."""
    with pytest.raises(NotReachedError, match=r"returned 204.*topics/x within 10 s.*EVENTS_TOPIC"):
        wait(WebhookApi([webhook("w1")]))
