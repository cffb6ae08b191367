"""What VideoVector's records say about deliveries while the webhook channel is paused."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from videovector_bridge.api.bridge_webhooks import find_bridge_name
from videovector_bridge.api.models import Delivery, Webhook
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.events import parse_time

MOST_RECORDS: Final = 2_000
_PAGE: Final = 100
REDELIVER: Final = "videovector-bridge webhook deliveries --failed --retry"
_SHOWN: Final = 20
_UNKNOWN: Final = (
    "VideoVector retries a delivery that gets 503. How often and how long is not documented; then "
    "the delivery is `failed`, and after many failures the webhook is disabled. Keep the pause "
    "short."
)


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """Facts about the recorded deliveries of the bridge's webhooks.

    `most_attempts` is that of a delivery that is not delivered, `next_retry_at` the earliest next
    attempt, `failed` the ids that VideoVector gave up since a time. Not `complete`: there may be
    more records.
    """

    webhooks: tuple[str, ...]
    by_status: dict[str, int]
    most_attempts: int
    next_retry_at: str | None
    failed: tuple[str, ...]
    complete: bool

    @property
    def read(self) -> int:
        """The number of records that were read."""
        return sum(self.by_status.values())


def read_facts(client: WebhooksClient, url: str, since: datetime | None) -> DeliveryFacts:
    """Read the records of the webhooks that deliver to `url`. Raises `ApiError`."""
    webhooks = select_receiving(client.list_webhooks(), url)
    # The failed ones apart: VideoVector may return only the newest page of all.
    records = (
        record
        for each in webhooks
        for status in ("failed", None)
        for record in client.deliveries(each.webhook_id, status=status, page_size=_PAGE)
    )
    return summarize([each.webhook_id for each in webhooks], records, since)


def select_receiving(webhooks: Iterable[Webhook], url: str) -> list[Webhook]:
    """Return the bridge's webhooks with this URL; all of them if none has it (a load balancer)."""
    ours = [each for each in webhooks if find_bridge_name(each) is not None]
    same = [each for each in ours if url and each.url.rstrip("/") == url.rstrip("/")]
    return same or ours


def summarize(
    webhooks: Iterable[str], records: Iterator[Delivery], since: datetime | None
) -> DeliveryFacts:
    """Summarize records; `failed` has those that failed after `since` (None: at any time)."""
    first = list(islice(records, MOST_RECORDS))
    read = list({each.delivery_id: each for each in first}.values())
    waiting = [each for each in read if each.status in ("pending", "retrying")]
    retries = [each.next_retry_at for each in waiting if parse_time(each.next_retry_at)]
    return DeliveryFacts(
        webhooks=tuple(webhooks),
        by_status=dict(sorted(Counter(each.status for each in read).items())),
        most_attempts=max(
            (each.attempts for each in read if each.status != "delivered"), default=0
        ),
        next_retry_at=min(retries, key=lambda text: str(parse_time(text)), default=None),
        failed=tuple(each.delivery_id for each in read if _failed_after(each, since)),
        # A list of full pages may have been cut off: the API need not say that there is more.
        complete=len(read) < _PAGE and next(records, None) is None,
    )


def _failed_after(record: Delivery, since: datetime | None) -> bool:
    if record.status != "failed":
        return False
    failed_at = parse_time(record.last_attempt_at) or parse_time(record.created_at)
    # Without a time, rather one too many.
    return since is None or failed_at is None or failed_at >= since


def warn(facts: DeliveryFacts) -> list[str]:
    """Return what a person who pauses the channel must know."""
    lines = [_UNKNOWN]
    if not facts.webhooks:
        lines.append("VideoVector has no webhook of the bridge: nothing is delivered anyway.")
        return lines
    counts = ", ".join(f"{count} {status}" for status, count in facts.by_status.items())
    lines.append(
        f"Deliveries recorded for {', '.join(facts.webhooks)}: {_more(facts)}{counts or 'none'}; "
        f"most attempts of one that was not delivered: {facts.most_attempts}; next retry: "
        f"{facts.next_retry_at or 'unknown'}."
    )
    if facts.failed:
        lines.append(describe_failed(facts))
    lines.append(
        f"After `videovector-bridge resume webhook`, `{REDELIVER}` sends failed ones again; "
        f"reconcile does so too. `videovector-bridge webhook ensure` activates a disabled webhook."
    )
    return lines


def describe_failed(facts: DeliveryFacts) -> str:
    """Name the deliveries that VideoVector gave up during the pause."""
    if not facts.failed:
        return f"{_more(facts)}No delivery failed during the pause."
    names = ", ".join(facts.failed[:_SHOWN])
    more = f" and {len(facts.failed) - _SHOWN} more" if len(facts.failed) > _SHOWN else ""
    return (
        f"{_more(facts)}{len(facts.failed)} deliveries failed during the pause: {names}{more}. "
        f"Send them again: {REDELIVER}"
    )


def _more(facts: DeliveryFacts) -> str:
    return "" if facts.complete else f"(there may be more than {facts.read:,} records) "
