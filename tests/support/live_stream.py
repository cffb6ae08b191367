"""A stream on which an event is emitted at every moment, and a store that ages in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import httpx

from tests.support.upstream import Response, Upstream, event_stream
from tests.support.vendor_events import event, sse
from tests.support.virtual_time import VirtualTime
from tests.support.watched_ports import WatchedDocuments
from videovector_bridge.backends.ports import Document, Documents, Timeout
from videovector_bridge.errors import BackendError


class Ticker(Upstream):
    """Emits an event every `every` seconds, from its first request on, and replays those missed.

    `open` has the times at which each connection was accepted and given up.
    """

    def __init__(self, time: VirtualTime, every: float) -> None:
        super().__init__()
        self._time = time
        self._every = every
        self._began: float | None = None
        self.open: list[list[float]] = []

    @property
    def emitted(self) -> int:
        """The number of events so far."""
        if self._began is None:
            return 0
        return int((self._time.time() - self._began) / self._every + 1e-9)

    @property
    def gaps(self) -> list[float]:
        """The seconds between the end of each connection and the beginning of the next."""
        ends = [ended for _, ended in self.open]
        return [begun - ended for ended, (begun, _) in zip(ends, self.open[1:], strict=False)]

    def respond(self, request: httpx.Request) -> Response:
        """Accept the request."""
        if self._began is None:
            self._began = self._time.time()
        last = request.headers.get("Last-Event-ID")
        sent = int(last.removeprefix("evt-")) if last else 0

        async def send(_request: httpx.Request) -> AsyncIterator[bytes]:
            number = sent
            connection = [self._time.time(), 0.0]
            self.open.append(connection)
            try:
                while True:
                    new = range(number + 1, self.emitted + 1)
                    if new:
                        number = new[-1]
                        yield b"".join(sse(event(n), f"evt-{n:04d}") for n in new)
                    await asyncio.sleep(self._every / 2)
            finally:
                connection[1] = self._time.time()

        return event_stream(then=send)


class AgeingDocuments(WatchedDocuments):
    """Real documents whose age is in virtual time. Reads of the collections in `fail` raise."""

    def __init__(self, real: Documents, time: VirtualTime) -> None:
        super().__init__(real)
        self._ages = time
        self._written_at: dict[tuple[str, str], float] = {}
        self.fail: set[str] = set()

    def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
        """Read a document."""
        if collection in self.fail:
            raise BackendError(f"{collection} cannot be read")
        stored = super().read(collection, document_id, timeout=timeout)
        now = self._ages.time()
        age = now - self._written_at.get((collection, document_id), now)
        return stored and replace(stored, age_seconds=age)

    def write(
        self,
        collection: str,
        document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,
        keep_seconds: float | None = None,
    ) -> Document:
        """Write a document."""
        self._written_at[collection, document_id] = self._ages.time()
        return super().write(
            collection,
            document_id,
            fields,
            replaces=replaces,
            timeout=timeout,
            keep_seconds=keep_seconds,
        )
