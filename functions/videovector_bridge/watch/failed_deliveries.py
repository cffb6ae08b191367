"""Retry the deliveries that VideoVector gave up, for the webhooks of the bridge."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from videovector_bridge.api import Delivery, RateLimited
from videovector_bridge.api.bridge_webhooks import find_bridge_name
from videovector_bridge.api.errors import ApiError, ScopeRefused
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.backends.ports import Document, Documents, Timeout
from videovector_bridge.errors import ConflictError
from videovector_bridge.events import parse_time

COLLECTION: Final = "deliveries"
"""A document for each webhook: `retried`, delivery id -> times and time of the last retry."""

MOST_RETRIES: Final = 3
PAUSE: Final = timedelta(hours=1)
MOST_AGE: Final = timedelta(days=7)
_LISTED: Final = 200
_KEEP: Final = 2 * MOST_AGE


@dataclass(slots=True)
class DeliveryReport:
    """What happened to failed deliveries: retries that VideoVector accepted and refused.

    `problem` says why the rest was not tried; empty if all was.
    """

    calls: int = 0
    failed: int = 0
    retried: int = 0
    refused: int = 0
    problem: str = ""
    rate_limited: bool = False


def choose_retries(
    deliveries: Iterable[Delivery], retried: Mapping[str, Mapping[str, object]], now: datetime
) -> list[Delivery]:
    """Return the failed deliveries to retry now: recent, at most 3 times, an hour apart. Pure."""
    return [each for each in deliveries if _may_retry(each, retried.get(each.delivery_id), now)]


def _may_retry(delivery: Delivery, retried: Mapping[str, object] | None, now: datetime) -> bool:
    created_at = parse_time(delivery.created_at)
    if delivery.status != "failed" or (created_at is not None and now - created_at > MOST_AGE):
        return False
    if retried is None:
        return True
    last = parse_time(retried.get("at"))
    times = retried.get("times")
    few = not isinstance(times, int) or times < MOST_RETRIES
    return few and (last is None or now - last >= PAUSE)


class FailedDeliveries:
    """Retries failed deliveries once, in at most `most_calls` requests."""

    def __init__(
        self,
        client: WebhooksClient,
        documents: Documents,
        *,
        now: datetime,
        most_calls: int,
        timeout: Timeout,
    ) -> None:
        self._client = client
        self._documents = documents
        self._now = now
        self._most_calls = most_calls
        self._timeout = timeout
        self._report = DeliveryReport()

    def retry(self) -> DeliveryReport:
        """Retry those of every active webhook of the bridge.

        Errors of VideoVector are in the report. Raises `BackendError`.
        """
        report = self._report
        try:
            report.calls += 1
            for webhook in self._client.list_webhooks():
                if find_bridge_name(webhook) is not None and webhook.status == "active":
                    self._retry_of(webhook.webhook_id)
        except ScopeRefused as error:
            report.problem = f"The API key may not read or retry deliveries. {error}"
        except ApiError as error:
            report.problem = str(error)
            report.rate_limited = isinstance(error, RateLimited)
        return report

    def _retry_of(self, webhook_id: str) -> None:
        report = self._report
        document = self._documents.read(COLLECTION, webhook_id, timeout=self._timeout)
        retried = _recent((document.fields if document else {}).get("retried"), self._now)
        report.calls += 1
        failed = list(islice(self._client.deliveries(webhook_id, status="failed"), _LISTED))
        report.failed += len(failed)
        chosen = choose_retries(failed, retried, self._now)
        chosen = chosen[: max(0, self._most_calls - report.calls)]
        try:
            for delivery in chosen:
                report.calls += 1
                times = retried.get(delivery.delivery_id, {}).get("times", 0)
                retried[delivery.delivery_id] = {
                    "times": times + 1 if isinstance(times, int) else 1,
                    "at": self._now.isoformat(),
                }
                self._retry_one(delivery)
        finally:
            if chosen:
                self._store(webhook_id, retried, document)

    def _retry_one(self, delivery: Delivery) -> None:
        try:
            self._client.retry_delivery(delivery.delivery_id)
        except (RateLimited, ScopeRefused):
            raise
        except ApiError:
            self._report.refused += 1  # this one alone: it may be gone, or have succeeded
        else:
            self._report.retried += 1

    def _store(
        self,
        webhook_id: str,
        retried: Mapping[str, Mapping[str, object]],
        document: Document | None,
    ) -> None:
        try:
            self._documents.write(
                COLLECTION,
                webhook_id,
                {"retried": retried},
                replaces=document,
                timeout=self._timeout,
            )
        except ConflictError:
            return  # another run retried at the same time: a delivery may be retried once more


def _recent(retried: object, now: datetime) -> dict[str, dict[str, object]]:
    """Return the stored retries without those of deliveries too old to be retried again."""
    if not isinstance(retried, Mapping):
        return {}
    return {
        str(id_): dict(each)
        for id_, each in retried.items()
        if isinstance(each, Mapping)
        and (at := parse_time(each.get("at"))) is not None
        and now - at <= _KEEP
    }
