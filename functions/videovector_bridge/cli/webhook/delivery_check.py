"""Send a test event, wait until it is published, and explain why it was not."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from videovector_bridge.api.models import SentTest
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli.errors import NotReachedError
from videovector_bridge.cli.webhook.topic_watch import Watch
from videovector_bridge.events import is_test_event

_POLL_SECONDS = 2.0
_ADVICE = {
    401: (
        "Its secrets are not this webhook's: run `webhook rotate` with the store that it reads, "
        "and check its WEBHOOK_IDS"
    ),
    404: "There is no function at this address: is --url that of receive_webhook?",
    405: "It does not accept POST: is --url that of receive_webhook?",
    411: "The request had no Content-Length: does a proxy send the body in chunks?",
    503: "It could not publish or has no secret yet: see `webhook.*` in its log",
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A published test event, the receiver's status code, and the seconds from send to arrival."""

    event_id: str
    status_code: int | None
    seconds: float


def await_test_event(
    client: WebhooksClient,
    webhook_id: str,
    watch: Watch,
    *,
    seconds: float,
    where: str,
    clock: Callable[[], float] = time.monotonic,
) -> Arrival:
    """Send a test event and return it when it is published. `where` names the topic in messages.

    Raises `NotReachedError` with advice if the receiver refuses the event or it does not arrive
    within `seconds`.
    """
    started = clock()
    sent = client.test(webhook_id)
    if not sent.success:
        raise NotReachedError(_describe_refusal(sent))
    while (left := started + seconds - clock()) > 0:
        for attributes in watch.poll(min(left, _POLL_SECONDS)):
            if is_test_event(attributes, webhook_id):
                return Arrival(attributes.get("ce-id", ""), sent.status_code, clock() - started)
    raise NotReachedError(
        f"The receiver accepted the test event ({_describe_response(sent)}), but it was not "
        f"published on {where} within {seconds:g} s. See `webhook.accepted` in the log of "
        "receive_webhook, and check that it uses this EVENTS_TOPIC and project."
    )


def _describe_refusal(sent: SentTest) -> str:
    advice = _ADVICE.get(sent.status_code or 0)
    if advice is None:
        advice = (
            "Check --url, and whether VideoVector may call it"
            if sent.status_code is None
            else "Its log says why (`webhook.*`)"
        )
    return f"The receiver did not accept the test event ({_describe_response(sent)}). {advice}."


def _describe_response(sent: SentTest) -> str:
    if sent.status_code is not None:
        return f"it returned {sent.status_code}"
    return sent.error or "VideoVector does not say why"
