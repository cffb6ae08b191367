"""Having a test event delivered, and waiting until it is seen on the topic."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from videovector_bridge.api import SentTest
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli.exits import NotReachedError
from videovector_bridge.events import TYPE_PREFIX
from videovector_bridge.ingest.delivery import NAMELESS, TEST

_POLL_SECONDS = 2.0
_ADVICE = {
    401: (
        "Its secrets are not this webhook's: run `webhook rotate` with the store that it reads, "
        "and look at its WEBHOOK_IDS"
    ),
    404: "Nothing is there: is --url that of receive_webhook?",
    405: "It accepts no POST: is --url that of receive_webhook?",
    411: "The request had no Content-Length: does a proxy send the body in chunks?",
    503: "It could not publish or has no secret yet: its log says which (`webhook.*`)",
}


class Watch(Protocol):
    """Messages that are published from when it was opened on. Raises `BackendError`."""

    def poll(self, seconds: float) -> Sequence[Mapping[str, str]]:
        """The attributes of new messages, waiting at most so long for the first."""
        ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """The test event as it was seen, how the receiver had answered, and how long it all took."""

    event_id: str
    status_code: int | None
    seconds: float


def is_test_of(attributes: Mapping[str, str], webhook_id: str) -> bool:
    """Whether a message is a test event of that webhook, or of one that did not say which."""
    source = attributes.get("ce-source", "").rpartition("/webhooks/")[2]
    named = {quote(webhook_id, safe="!$&'()*+,;=:@"), NAMELESS}
    return attributes.get("ce-type") == TYPE_PREFIX + TEST and source in named


def await_test_event(
    client: WebhooksClient,
    webhook_id: str,
    watch: Watch,
    *,
    seconds: float,
    where: str,
    clock: Callable[[], float] = time.monotonic,
) -> Arrival:
    """Return the test event once it is seen; `watch` is open already. `where` names the topic.

    Raises `NotReachedError` with what to look at, if the receiver refuses it or it does not come.
    """
    started = clock()
    sent = client.test(webhook_id)
    if not sent.success:
        raise NotReachedError(_refused(sent))
    while (left := started + seconds - clock()) > 0:
        for attributes in watch.poll(min(left, _POLL_SECONDS)):
            if is_test_of(attributes, webhook_id):
                return Arrival(attributes.get("ce-id", ""), sent.status_code, clock() - started)
    raise NotReachedError(
        f"The receiver took the test event ({_answered(sent)}), but it was not seen on {where} "
        f"within {seconds:g} s. Look at the log of receive_webhook (`webhook.accepted`), and "
        "whether its EVENTS_TOPIC and project are these."
    )


def _refused(sent: SentTest) -> str:
    advice = _ADVICE.get(sent.status_code or 0)
    if advice is None:
        advice = (
            "Look at --url, and whether VideoVector may call it"
            if sent.status_code is None
            else "Its log says why (`webhook.*`)"
        )
    return f"The receiver did not take the test event ({_answered(sent)}). {advice}."


def _answered(sent: SentTest) -> str:
    if sent.status_code is not None:
        return f"it answered {sent.status_code}"
    return sent.error or "VideoVector does not say why"
