"""Carries deliveries to webhooks over HTTP: side by side, again with backoff, until they are taken.

Faults may repeat a delivery, delay it, or hold it back until others have gone before it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from infra.standin.config import StandInConfig
from infra.standin.errors import ApiError
from infra.standin.faults import DELIVERY, Fault, Script
from infra.standin.webhooks.deliveries import (
    Deliveries,
    Delivery,
    Ended,
    answer_text,
    attempt_headers,
    retry_after,
    signature,
    wait_before_next,
)
from infra.standin.webhooks.events import News
from infra.standin.webhooks.poster import Poster, PostError
from infra.standin.webhooks.webhook import Webhook, Webhooks


class Courier:
    """Sends what webhooks are to be told. Works on the server's event loop."""

    def __init__(
        self,
        config: StandInConfig,
        webhooks: Webhooks,
        deliveries: Deliveries,
        script: Script,
        moment: Callable[[], str],
    ) -> None:
        self._config = config
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._script = script
        self._moment = moment
        self._poster = Poster(config.webhook_timeout_seconds)
        self._places = asyncio.Semaphore(config.webhook_concurrency)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._held: deque[tuple[int, asyncio.Event]] = deque()
        self.unsettled = 0
        """Deliveries that are neither taken nor given up, and repeats under way."""

    def tell(self, news: News) -> None:
        """Deliver news to every webhook that wants it."""
        index_id = news.data.get("index_id")
        for webhook in self._webhooks.all():
            if webhook.wants(news.event, index_id):
                self.deliver(self._deliveries.add(webhook.webhook_id, news, self._moment()))

    def deliver(self, delivery: Delivery) -> None:
        """Send a delivery that is on record until it is taken or given up."""
        fault = self._script.take(DELIVERY)
        self._go(self._carry(delivery, fault))
        if fault is not None and fault.kind == "repeat":
            for _ in range(fault.n):
                self._go(self._attempt(delivery))

    async def test(self, webhook: Webhook, news: News) -> Ended:
        """Send news that is on no record, once."""
        return await self._send(webhook, news.body(), news.event, None)

    async def settle(self, seconds: float) -> None:
        """Return once nothing is unsettled, or after `seconds`."""
        end = time.monotonic() + seconds
        while self._tasks and (left := end - time.monotonic()) > 0:
            await asyncio.wait(self._tasks.copy(), timeout=left)

    def stop(self) -> None:
        """Abandon what is under way."""
        for task in self._tasks:
            task.cancel()
        self._poster.close()

    def _go(self, work: Coroutine[Any, Any, Any]) -> None:
        self.unsettled += 1
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self.unsettled -= 1

    async def _carry(self, delivery: Delivery, fault: Fault | None) -> None:
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        elif fault is not None and fault.kind == "hold":
            await self._hold(fault.n)
        tried = 0
        while True:
            ended = await self._attempt(delivery)
            # Only now: two attempts under way at one time may arrive in either order.
            if tried == 0 and (fault is None or fault.kind != "hold"):
                self._let_others_go()
            if ended is None:
                return
            tried += 1
            wait = wait_before_next(
                tried,
                ended,
                base=self._config.webhook_retry_seconds,
                cap=self._config.webhook_retry_cap_seconds,
                limit=self._config.webhook_attempts,
            )
            delivery.note(ended, wait)
            if wait is None:
                return
            await asyncio.sleep(wait)

    async def _hold(self, count: int) -> None:
        """Wait until `count` others have arrived, or not for ever."""
        gone = asyncio.Event()
        self._held.append((count, gone))
        try:
            await asyncio.wait_for(gone.wait(), self._config.webhook_hold_seconds)
        except TimeoutError:
            return

    def _let_others_go(self) -> None:
        for _ in range(len(self._held)):
            count, gone = self._held.popleft()
            if count <= 1:
                gone.set()
            else:
                self._held.append((count - 1, gone))

    async def _attempt(self, delivery: Delivery) -> Ended | None:
        """One attempt; None when its webhook is gone, which ends the delivery."""
        try:
            webhook = self._webhooks.find(delivery.webhook_id)
        except ApiError:
            return None
        ended = await self._send(webhook, delivery.body, delivery.news.event, delivery)
        self._judge(webhook, ended)
        return ended

    def _judge(self, webhook: Webhook, ended: Ended) -> None:
        if ended.delivered:
            webhook.failure_count, webhook.last_success_at = 0, self._moment()
            return
        webhook.failure_count, webhook.last_failure_at = webhook.failure_count + 1, self._moment()
        limit = self._config.webhook_failures
        if limit is not None and webhook.failure_count >= limit and webhook.status == "active":
            webhook.status = "disabled"

    async def _send(
        self, webhook: Webhook, body: bytes, event: str, delivery: Delivery | None
    ) -> Ended:
        async with self._places:
            # Signed as late as can be, as a queue's worker does: a rotation is in force at once.
            generation = webhook.generation
            headers = attempt_headers(
                delivery,
                webhook_id=webhook.webhook_id,
                event=event,
                signed=signature(body, webhook.secret),
                attempt=len(delivery.attempts) + 1 if delivery else 1,
            )
            sent_at = time.time()
            try:
                answer = await self._poster.post(webhook.url, body, headers)
            except PostError as error:
                return Ended(time.time(), generation, sent_at, error=str(error))
        now = time.time()
        return Ended(
            now,
            generation,
            sent_at,
            answer.status_code,
            answer_text(answer.content),
            retry_after=retry_after(answer.headers, now),
        )
