"""The lines about the webhook channel."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from videovector_bridge.events import parse_time
from videovector_bridge.pause import parse_pause
from videovector_bridge.watch.status.facts import Facts, Unread, WebhookFacts
from videovector_bridge.watch.status.line import Line, describe_age, describe_count

RECEIVER = "receive-webhook"


def describe_channel(facts: Facts) -> Iterator[Line]:
    """Yield a line for the pause of the channel, and one for each webhook of the bridge."""
    if isinstance(facts.channel, Unread):
        yield Line("channel", "webhook", "unreadable", facts.channel.why)
    elif paused := parse_pause(facts.channel):
        yield Line(
            "channel", "webhook", "channel_paused", str(paused), {"paused": paused.as_field()}
        )
    if isinstance(facts.webhooks, Unread):
        yield Line("webhook", "", "unreadable", facts.webhooks.why)
        return
    if not facts.webhooks:
        yield Line("webhook", "", "no_webhook", "there is none: events come by the stream only")
    receiver = find_receiver_url(facts)
    is_served = any(_same_place(each.url, receiver) for each in facts.webhooks)
    for webhook in facts.webhooks:
        yield _describe(webhook, receiver, is_served=is_served, facts=facts)


def find_receiver_url(facts: Facts) -> str:
    """Return the URL of the function that receives webhooks; empty if it is unknown."""
    return next((each.url for each in facts.deployment.functions if each.name == RECEIVER), "")


def _describe(webhook: WebhookFacts, receiver: str, *, is_served: bool, facts: Facts) -> Line:
    state, why = _judge(webhook, receiver, is_served=is_served)
    last = parse_time(webhook.last_at)
    parts = [why, f"{webhook.status or 'status unknown'} at VideoVector"]
    if webhook.failure_count:
        parts.append(describe_count(webhook.failure_count, "failure in a row", "failures in a row"))
    if webhook.deliveries_unread:
        parts.append(f"deliveries unknown: {webhook.deliveries_unread}")
    elif last is not None:
        parts.append(f"last delivery {describe_age(last, facts.now)}: {webhook.last_status}")
    else:
        parts.append("no delivery yet" if not webhook.recorded else f"last: {webhook.last_status}")
    values: dict[str, Any] = {
        "webhook_id": webhook.webhook_id,
        "status": webhook.status,
        "failure_count": webhook.failure_count,
        "url_matches": _same_place(webhook.url, receiver),
        "last_delivery_at": webhook.last_at or None,
        "last_delivery_status": webhook.last_status or None,
        "failed_deliveries": webhook.failed,
    }
    return Line("webhook", webhook.name, state, "; ".join(filter(None, parts)), values)


def _judge(webhook: WebhookFacts, receiver: str, *, is_served: bool) -> tuple[str, str]:
    if not _same_place(webhook.url, receiver):
        if is_served:
            return "webhook_of_others", "it has another URL: of another deployment?"
        return "webhook_elsewhere", f"it does not deliver to {RECEIVER} of this deployment"
    if webhook.status in ("paused", "disabled"):
        return "webhook_disabled", f"VideoVector sends nothing: it is {webhook.status}"
    if webhook.failed:
        count = describe_count(webhook.failed, "delivery", "deliveries")
        return "deliveries_failed", f"{count} failed for good"
    return "ok", ""


def _same_place(first: str, second: str) -> bool:
    """Whether two URLs have the same host and path."""
    try:
        one, other = urlsplit(first), urlsplit(second)
    except ValueError:
        return False
    return (one.netloc.lower(), one.path.rstrip("/")) == (
        other.netloc.lower(),
        other.path.rstrip("/"),
    )
