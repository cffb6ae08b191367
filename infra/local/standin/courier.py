"""Carries deliveries to webhooks over HTTP: side by side, again with backoff, until they are taken.

Faults may repeat a delivery, delay it, or hold it back until others have gone before it.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from infra.local.standin.config import StandInConfig
from infra.local.standin.deliveries import (
    Deliveries,
    Delivery,
    Ended,
    answer_text,
    attempt_headers,
    retry_after,
    signature,
    wait_before_next,
)
from infra.local.standin.errors import ApiError
from infra.local.standin.faults import DELIVERY, Fault, Script
from infra.local.standin.news import News
from infra.local.standin.webhooks import Webhook, Webhooks

_HELD_SECONDS = 5.0  # a delivery held back goes at the latest then


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
        self._http: httpx.AsyncClient | None = None
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

    def stop(self) -> None:
        """Abandon what is under way."""
        for task in self._tasks:
            task.cancel()

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
        else:
            self._let_others_go()
        tried = 0
        while True:
            ended = await self._attempt(delivery)
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
        """Wait until `count` others have gone."""
        gone = asyncio.Event()
        self._held.append((count, gone))
        try:
            await asyncio.wait_for(gone.wait(), _HELD_SECONDS)
        except TimeoutError:
            return

    def _let_others_go(self) -> None:
        for _ in range(len(self._held)):
            count, gone = self._held.popleft()
            if count <= 1:
                # Behind this one, which has its place in the queue already.
                asyncio.get_running_loop().call_soon(gone.set)
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
                answer = await self._client().post(webhook.url, content=body, headers=headers)
            except httpx.HTTPError as error:
                what = f"{type(error).__name__}: {error}"
                return Ended(time.time(), generation, sent_at, error=what)
        now = time.time()
        return Ended(
            now,
            generation,
            sent_at,
            answer.status_code,
            answer_text(answer.content),
            retry_after=retry_after(answer.headers, now),
        )

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:
            # An empty TLS context: loading certificates takes longer than a test.
            empty = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            places = self._config.webhook_concurrency
            self._http = httpx.AsyncClient(
                timeout=self._config.webhook_timeout_seconds,
                limits=httpx.Limits(max_connections=places, max_keepalive_connections=places),
                trust_env=False,
                verify=empty,
            )
        return self._http
