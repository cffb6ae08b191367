"""Check all channels within one deadline: read, listen, send test deliveries and await them."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from videovector_bridge.api.errors import ApiError, ScopeRefused
from videovector_bridge.api.models import SentTest, Webhook
from videovector_bridge.api.stream import EventStream, Hearing
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.backends import Backend
from videovector_bridge.backends.reading_ports import Subscriptions
from videovector_bridge.errors import BackendError, BridgeError
from videovector_bridge.pause import CHANNELS, WEBHOOK, parse_pause
from videovector_bridge.settings.canary import CanarySettings
from videovector_bridge.settings.streams import StreamSettings
from videovector_bridge.watch.canary.arrivals import Arrivals
from videovector_bridge.watch.canary.report import ChannelReport
from videovector_bridge.watch.canary.stream import (
    COLLECTION,
    judge_document,
    judge_hearing,
    report_unheard,
)
from videovector_bridge.watch.canary.webhook import (
    choose_webhooks,
    judge_test,
    may_arrive,
    may_change,
    report_paused,
    report_unlisted,
)

STATE_SECONDS: Final = 10.0


class CanaryFailed(BridgeError):
    """The canary itself cannot check the channels. `reason` is a stable word."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Checks:
    """What the checks use. `clock` is monotonic; `now` returns the time with its zone.

    `open_client` returns a client whose requests take at most so many seconds. After a test
    delivery that may have another result, the canary waits for the next of `retry_pauses` (seconds)
    and tests again.
    """

    settings: CanarySettings
    backend: Backend
    subscriptions: Subscriptions
    open_client: Callable[[CanarySettings, float], WebhooksClient]
    retry_pauses: Sequence[float] = (10.0, 26.0)  # a receiver has a new secret after 35 s
    pull_seconds: float = (
        5.0  # a message that arrives as a pull ends may be late by its ack deadline
    )
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def run(self) -> list[ChannelReport]:
        """Return the report of each channel. Raises `CanaryFailed`."""
        deadline = self.clock() + self.settings.seconds
        with self.open_client(self.settings, self.settings.seconds / 2) as client:
            webhooks = _list(client)
        try:
            reports, silent = self._read_streams()
            chosen, more = self._choose(webhooks)
        except BackendError as error:
            raise CanaryFailed("state_unavailable", str(error)) from error
        with ThreadPoolExecutor(max_workers=1 + len(chosen)) as threads:
            # A copy of the context in each thread, for the trace of log lines.
            listening = threads.submit(
                copy_context().run, asyncio.run, self._listen_to_all(silent, deadline)
            )
            tests = {
                name: threads.submit(copy_context().run, self._send_test, webhook, deadline)
                for name, webhook in chosen.items()
            }
            more += self._await_tests(chosen, tests, deadline)
            reports += listening.result()
        return sorted([*reports, *more], key=lambda report: report.channel)

    # Streams

    def _read_streams(self) -> tuple[list[ChannelReport], dict[str, Mapping[str, Any]]]:
        """Return the reports of streams, and the documents of those to listen to by name."""
        reports: list[ChannelReport] = []
        silent: dict[str, Mapping[str, Any]] = {}
        for name in self.settings.streams:
            document = self.backend.documents.read(COLLECTION, name, timeout=STATE_SECONDS)
            fields = document.fields if document is not None else None
            report = judge_document(
                name,
                fields,
                document.age_seconds if document is not None else 0.0,
                now=self.now(),
                bound_seconds=self.settings.stream_seconds[name],
            )
            if report is not None:
                reports.append(report)
            elif fields is not None:
                silent[name] = fields
        return reports, silent

    async def _listen_to_all(
        self, silent: Mapping[str, Mapping[str, Any]], deadline: float
    ) -> list[ChannelReport]:
        async with httpx.AsyncClient() as http:
            listening = [
                self._listen(http, self.settings.streams[name], fields, deadline)
                for name, fields in silent.items()
            ]
            return await asyncio.gather(*listening)

    async def _listen(
        self,
        http: httpx.AsyncClient,
        stream: StreamSettings,
        fields: Mapping[str, Any],
        deadline: float,
    ) -> ChannelReport:
        seconds = stream.window.heartbeat_seconds
        source = EventStream(
            http,
            self.settings.api,
            stream.filters,
            heartbeat_seconds=seconds,
            max_frame_bytes=stream.window.max_frame_bytes,
        )
        try:
            async with asyncio.timeout(deadline - self.clock()):
                hearing: Hearing = await source.listen()
        except TimeoutError:
            problem = f"CANARY_SECONDS ended before HEARTBEAT_SECONDS ({seconds:g}): raise it."
            return report_unheard(stream.name, "no_time", problem)
        except BridgeError as error:
            return report_unheard(stream.name, "refused", str(error))
        return judge_hearing(stream.name, fields, hearing, silent_seconds=seconds)

    # Webhooks

    def _choose(
        self, webhooks: Sequence[Webhook] | ScopeRefused
    ) -> tuple[dict[str, Webhook], list[ChannelReport]]:
        """Return the webhooks to test by name, and the reports of the others."""
        if isinstance(webhooks, ScopeRefused):
            return {}, [report_unlisted(webhooks)]
        chosen, reports = choose_webhooks(webhooks, self.settings.webhooks)
        document = self.backend.documents.read(CHANNELS, WEBHOOK, timeout=STATE_SECONDS)
        pause = parse_pause(document.fields) if document is not None else None
        if pause is not None:
            return {}, [*reports, *report_paused(chosen, pause)]
        return chosen, reports

    def _send_test(self, webhook: Webhook, deadline: float) -> SentTest | ApiError:
        """Send a test delivery; send another after a failure of the receiver that may end."""
        pauses = iter(self.retry_pauses)
        while True:
            seconds = max(1.0, deadline - self.clock())
            try:
                with self.open_client(self.settings, seconds) as client:
                    sent = client.test(webhook.webhook_id)
            except ApiError as error:
                return error
            pause = next(pauses, None)
            if not may_change(sent) or pause is None or self.clock() + pause >= deadline:
                return sent
            self.sleep(pause)

    def _await_tests(
        self,
        chosen: Mapping[str, Webhook],
        tests: Mapping[str, "Future[SentTest | ApiError]"],
        deadline: float,
    ) -> list[ChannelReport]:
        """Await the events of all tests until the deadline; return the reports."""
        settings = self.settings
        ids = {name: webhook.webhook_id for name, webhook in chosen.items()}
        arrivals = Arrivals(
            self.subscriptions,
            settings.subscription,
            ids,
            self.now(),
            self.clock,
            pull_seconds=self.pull_seconds,
        )

        def is_awaited(name: str) -> bool:
            return name not in arrivals.seconds and may_arrive(tests[name].result())

        try:
            while (seconds := deadline - self.clock()) > 0:
                ended = [name for name, test in tests.items() if test.done()]
                if any(map(is_awaited, ended)):
                    arrivals.pull(seconds)
                elif pending := [test for test in tests.values() if not test.done()]:
                    # Not pulled before: a message may be lost to a pull that has just ended, until
                    # its ack deadline. When a test has ended, its event usually waits already.
                    wait(pending, timeout=seconds, return_when=FIRST_COMPLETED)
                else:
                    break
        except BackendError as error:
            raise CanaryFailed("subscription_unavailable", str(error)) from error
        return [
            judge_test(
                name, test.result(), arrivals.seconds.get(name), topic=settings.topics.events
            )
            for name, test in tests.items()
        ]


def _list(client: WebhooksClient) -> list[Webhook] | ScopeRefused:
    """Return all webhooks: this shows too that VideoVector responds and accepts the key."""
    try:
        return list(client.list_webhooks())
    except ScopeRefused as error:
        return error
    except ApiError as error:
        raise CanaryFailed(error.code, str(error)) from None
