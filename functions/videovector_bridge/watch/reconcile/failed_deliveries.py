"""Retry the deliveries that VideoVector gave up, for the webhooks of the bridge."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from videovector_bridge.api import RateLimited
from videovector_bridge.api.bridge_webhooks import find_bridge_name
from videovector_bridge.api.errors import ApiError, ScopeRefused
from videovector_bridge.api.models import Delivery, Webhook
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.backends.ports import Document, Documents
from videovector_bridge.errors import ConflictError
from videovector_bridge.watch.reconcile.delivery_choice import (
    Retries,
    choose_retries,
    find_expected,
    parse_retries,
    with_retries,
)

COLLECTION: Final = "deliveries"
"""A document for each webhook: `retried`, delivery id -> times and time of the last retry."""
CHANNELS: Final = ("channels", "webhook")
"""The document whose field `paused` says that the receiver refuses deliveries."""

_PAGE: Final = 100  # deliveries of one request
_UNSETTLED: Final = ("pending", "retrying")


@dataclass(slots=True)
class DeliveryReport:
    """What happened to failed deliveries: retries that VideoVector accepted and refused.

    `calls` are requests. `problem` says why the rest was not tried; empty if all was.
    """

    calls: int = 0
    failed: int = 0
    retried: int = 0
    refused: int = 0
    problem: str = ""
    rate_limited: bool = False


@dataclass(slots=True, eq=False)
class FailedDeliveries:
    """Retries failed deliveries once, in at most `most_calls` requests, while time is `left`.

    `overdue` are the keys of work whose end is missing: their deliveries come first. A retried
    delivery has `grace` to arrive.
    """

    client: WebhooksClient
    documents: Documents
    now: datetime
    most_calls: int
    left: Callable[[], float]
    grace: timedelta
    overdue: Collection[str]
    report: DeliveryReport = field(default_factory=DeliveryReport)
    expected: set[str] = field(default_factory=set)
    """Keys of work whose end is on its way, as a delivery that VideoVector sends again."""

    def retry(self) -> DeliveryReport:
        """Retry those of every active webhook of the bridge, unless the receiver is paused.

        Errors of VideoVector are in the report. Raises `BackendError`.
        """
        report = self.report
        paused = self.documents.read(*CHANNELS, timeout=self.left)
        if paused is not None and paused.fields.get("paused"):
            report.problem = "The webhook channel is paused."
            return report
        try:
            report.calls += 1
            for webhook in list(self.client.list_webhooks()):
                if find_bridge_name(webhook) is not None and webhook.status == "active":
                    self._retry_of(webhook)
        except ScopeRefused as error:
            report.problem = f"The API key may not read or retry deliveries. {error}"
        except ApiError as error:
            report.problem = str(error)
            report.rate_limited = isinstance(error, RateLimited)
        return report

    def _may_call(self) -> bool:
        return self.report.calls < self.most_calls and self.left() > 0

    def _list(self, webhook: Webhook, status: str) -> list[Delivery]:
        """Return the first page of deliveries with this status."""
        if not self._may_call():
            return []
        self.report.calls += 1
        listed = self.client.deliveries(webhook.webhook_id, status=status, page_size=_PAGE)
        # It is undocumented whether the API applies the filter.
        return [each for each in islice(listed, _PAGE) if each.status == status]

    def _retry_of(self, webhook: Webhook) -> None:
        failed = self._list(webhook, "failed")
        self.report.failed += len(failed)
        unsettled = (
            [each for status in _UNSETTLED for each in self._list(webhook, status)]
            if self.overdue
            else []
        )
        document = self.documents.read(COLLECTION, webhook.webhook_id, timeout=self.left)
        retries = parse_retries((document.fields if document else {}).get("retried"))
        most = max(0, self.most_calls - self.report.calls)
        if webhook.failure_count:
            most = min(most, 1)  # the receiver may be down: VideoVector disables failing webhooks
        chosen = choose_retries(failed, retries, self.now, overdue=self.overdue, most=most)
        known = with_retries(retries, chosen, failed, self.now)
        # Stored before the requests: a delivery is not retried again after a kill between.
        if chosen and not self._store(webhook.webhook_id, known, document):
            return
        self.expected |= find_expected([*failed, *unsettled], known, self.now, self.grace)
        self._send(chosen)

    def _send(self, chosen: Iterable[Delivery]) -> None:
        for delivery in chosen:
            if not self._may_call():
                return
            self.report.calls += 1
            try:
                self.client.retry_delivery(delivery.delivery_id)
            except (RateLimited, ScopeRefused):
                raise
            except ApiError:
                self.report.refused += 1  # this one alone: it may be gone, or have succeeded
            else:
                self.report.retried += 1

    def _store(
        self, webhook_id: str, retries: Mapping[str, Retries], document: Document | None
    ) -> bool:
        """Store the retries. Returns False if another run retries at the same time."""
        fields = {"retried": {id_: each.as_fields() for id_, each in retries.items()}}
        try:
            self.documents.write(
                COLLECTION, webhook_id, fields, replaces=document, timeout=self.left
            )
        except ConflictError:
            return False
        return True
