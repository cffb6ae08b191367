"""Sends deliveries to webhooks over HTTP: concurrently, and with retries and backoff.

Faults can repeat or delay a delivery, or hold it until other deliveries have arrived.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from infra.standin.config import StandInConfig
from infra.standin.errors import ApiError
from infra.standin.faults import DELIVERY, Fault, FaultScript
from infra.standin.webhooks.attempts import (
    Attempt,
    build_headers,
    compute_backoff,
    excerpt,
    parse_retry_after,
    sign,
)
from infra.standin.webhooks.deliveries import Deliveries, Delivery
from infra.standin.webhooks.events import WebhookEvent
from infra.standin.webhooks.poster import Poster, PostError
from infra.standin.webhooks.webhook import Webhook, Webhooks


class WebhookDispatcher:
    """Delivers webhook events. Runs on the server's event loop."""

    def __init__(
        self,
        config: StandInConfig,
        webhooks: Webhooks,
        deliveries: Deliveries,
        faults: FaultScript,
        next_timestamp: Callable[[], str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._faults = faults
        self._next_timestamp = next_timestamp
        self._clock = clock
        self._poster = Poster(config.webhook_timeout_seconds)
        self._slots = asyncio.Semaphore(config.webhook_concurrency)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._on_hold: deque[tuple[int, asyncio.Event]] = deque()
        self.unsettled = 0
        """Deliveries that are neither accepted nor abandoned, and repeats in progress."""

    def announce(self, event: WebhookEvent) -> None:
        """Deliver an event to every subscribed webhook."""
        index_id = event.data.get("index_id")
        for webhook in self._webhooks.all():
            if webhook.accepts(event.event_type, index_id):
                self.deliver(
                    self._deliveries.add(webhook.webhook_id, event, self._next_timestamp())
                )

    def deliver(self, delivery: Delivery) -> None:
        """Start to send a recorded delivery."""
        fault = self._faults.take(DELIVERY)
        self._start(self._run(delivery, fault))
        if fault is not None and fault.kind == "repeat":
            for _ in range(fault.n):
                self._start(self._attempt(delivery))

    async def test(self, webhook: Webhook, event: WebhookEvent) -> Attempt:
        """Send an event once, without a record."""
        return await self._send(webhook, event, event.body())

    async def settle(self, seconds: float) -> None:
        """Wait until nothing is unsettled, at most `seconds`."""
        end = time.monotonic() + seconds
        while self._tasks and (left := end - time.monotonic()) > 0:
            await asyncio.wait(self._tasks.copy(), timeout=left)

    def stop(self) -> None:
        """Cancel all deliveries."""
        for task in self._tasks:
            task.cancel()
        self._poster.close()

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        self.unsettled += 1
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self.unsettled -= 1

    async def _run(self, delivery: Delivery, fault: Fault | None) -> None:
        """Send a delivery until it is accepted, abandoned, or its webhook is deleted."""
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        elif fault is not None and fault.kind == "hold":
            await self._hold(fault.n)
        count = 0
        while True:
            attempt = await self._attempt(delivery)
            # After the attempt: two concurrent attempts could arrive in either order.
            if count == 0 and (fault is None or fault.kind != "hold"):
                self._count_arrival()
            if attempt is None:
                return
            count += 1
            backoff = compute_backoff(
                count,
                attempt,
                base=self._config.webhook_retry_seconds,
                cap=self._config.webhook_retry_cap_seconds,
                limit=self._config.webhook_attempts,
            )
            delivery.record(attempt, backoff)
            if backoff is None:
                return
            await asyncio.sleep(backoff)

    async def _hold(self, count: int) -> None:
        """Wait until `count` other deliveries have arrived, or until the configured limit."""
        released = asyncio.Event()
        self._on_hold.append((count, released))
        try:
            await asyncio.wait_for(released.wait(), self._config.webhook_hold_seconds)
        except TimeoutError:
            return

    def _count_arrival(self) -> None:
        """Count an arrival for every delivery on hold, and release those that are due."""
        for _ in range(len(self._on_hold)):
            count, released = self._on_hold.popleft()
            if count <= 1:
                released.set()
            else:
                self._on_hold.append((count - 1, released))

    async def _attempt(self, delivery: Delivery) -> Attempt | None:
        """Send a delivery once. Return None if its webhook was deleted."""
        try:
            webhook = self._webhooks.find(delivery.webhook_id)
        except ApiError:
            return None
        attempt = await self._send(webhook, delivery.event, delivery.body, delivery)
        self._update_health(webhook, attempt)
        return attempt

    def _update_health(self, webhook: Webhook, attempt: Attempt) -> None:
        """Count consecutive failures, and disable the webhook at the limit."""
        now = self._next_timestamp()
        if attempt.delivered:
            webhook.failure_count, webhook.last_success_at = 0, now
            return
        webhook.failure_count, webhook.last_failure_at = webhook.failure_count + 1, now
        limit = self._config.webhook_failures
        if limit is not None and webhook.failure_count >= limit and webhook.status == "active":
            webhook.status = "disabled"

    async def _send(
        self, webhook: Webhook, event: WebhookEvent, body: bytes, delivery: Delivery | None = None
    ) -> Attempt:
        async with self._slots:
            # Sign after the wait for a slot, as a queue worker does: a rotation applies at once.
            generation = webhook.generation
            headers = build_headers(
                delivery.delivery_id if delivery else None,
                webhook_id=webhook.webhook_id,
                event_type=event.event_type,
                signature=sign(body, webhook.secret),
                number=len(delivery.attempts) + 1 if delivery else 1,
            )
            sent_at = self._clock()
            try:
                response = await self._poster.post(webhook.url, body, headers)
            except PostError as error:
                return Attempt(self._clock(), generation, sent_at, error=str(error))
        now = self._clock()
        return Attempt(
            now,
            generation,
            sent_at,
            response.status_code,
            excerpt(response.content),
            retry_after=parse_retry_after(response.headers, now),
        )
