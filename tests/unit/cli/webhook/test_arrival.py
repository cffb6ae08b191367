"""`cli.arrival`: a test event is waited for, and what its absence means."""

from collections.abc import Mapping, Sequence

import pytest

from tests.support.api_client import Clock
from tests.support.webhook_api import WebhookApi, webhook
from videovector_bridge.cli.exits import NotReachedError
from videovector_bridge.cli.webhook.arrival import Arrival, await_test_event, is_test_of

TEST = {
    "ce-type": "com.vectormethods.test",
    "ce-source": "//api.example.test/webhooks/w1",
    "ce-id": "evt_1",
}


class ScriptedWatch:
    """The `Watch` port that sees what it is told to, one poll after another."""

    def __init__(self, clock: Clock, *polls: Sequence[Mapping[str, str]]) -> None:
        self._clock = clock
        self._polls = list(polls)

    def poll(self, seconds: float) -> Sequence[Mapping[str, str]]:
        """The next, at once; when there is none, nothing after the time."""
        if self._polls:
            return self._polls.pop(0)
        self._clock.sleep(seconds)
        return []


def wait(api: WebhookApi, *polls: Sequence[Mapping[str, str]]) -> Arrival:
    """Wait for a test event, at most 10 s."""
    clock = Clock()
    watch = ScriptedWatch(clock, *polls)
    return await_test_event(api.client(), "w1", watch, seconds=10, where="topics/x", clock=clock)


def test_it_is_seen() -> None:
    """Other messages are passed over."""
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
def test_which_events_are_meant(*, changes: dict[str, str], fits: bool) -> None:
    """Test events of this webhook, by whatever host, or of one that did not say which."""
    assert fits == is_test_of(TEST | changes, "w1")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"success": False, "status_code": 401}, "secrets are not this webhook's"),
        ({"success": False, "status_code": 404}, "is --url that of receive_webhook"),
        ({"success": False, "status_code": 503}, "has no secret yet"),
        ({"success": False, "status_code": 500}, "Its log says why"),
        ({"success": False, "error": "connection refused"}, "connection refused"),
        ({"success": False}, "whether VideoVector may call it"),
    ],
)
def test_a_refusal_says_what_to_look_at(answer: dict[str, object], words: str) -> None:
    """There is no event to wait for."""
    api = WebhookApi([webhook("w1")])
    api.test_answer = answer

    with pytest.raises(NotReachedError, match=words):
        wait(api)


def test_an_event_that_does_not_come() -> None:
    """After the time a sentence says where to look."""
    with pytest.raises(NotReachedError, match=r"answered 204.*topics/x within 10 s.*EVENTS_TOPIC"):
        wait(WebhookApi([webhook("w1")]))
