"""Pages on their way: a few are published at once, and the cursor follows the contiguous ones."""

import asyncio
from collections import deque
from typing import Final

from videovector_bridge.api.frames import Frame
from videovector_bridge.errors import BackendError
from videovector_bridge.ingest.lanes import Publisher
from videovector_bridge.ingest.pages import Page
from videovector_bridge.ingest.position import Position

_PAGES_IN_FLIGHT: Final = 4


class Pager:
    """Gathers frames into pages and has them published.

    `add` waits when enough pages are in flight, which in turn stops the reading. An open page
    leaves when it is full, at `flush`, or `linger_seconds` after it was opened; but not while
    another is in flight, so that under load pages grow and requests get fewer.
    """

    def __init__(
        self, publisher: Publisher, *, lanes: int, linger_seconds: float, claimable: bool
    ) -> None:
        self._publisher = publisher
        self._lanes = lanes
        self._linger_seconds = linger_seconds
        self._claimable = claimable
        self._slots = asyncio.Semaphore(_PAGES_IN_FLIGHT)
        self._open: Page | None = None
        self._overdue = False
        self._waiting: deque[Page] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self.last_done: Page | None = None
        """The last page before which, and including which, everything is acknowledged."""

    @property
    def busy(self) -> bool:
        """Whether anything that was read is not acknowledged yet."""
        return self._open is not None or bool(self._tasks)

    async def add(self, frame: Frame, position: Position) -> bool:
        """Take in a frame, moving `position` past it. True when that closed a page."""
        page = self._open
        if page is None:
            await self._slots.acquire()
            page = self._open = Page(self._lanes, self._claimable)
            asyncio.get_running_loop().call_later(self._linger_seconds, self._linger_over, page)
        page.add(frame, position)
        if page.full:
            self._close()
            return True
        return False

    async def flush(self) -> None:
        """Publish the open page and wait until nothing is in flight."""
        self._close()
        while self._tasks:
            await asyncio.gather(*self._tasks)
            # Since Python 3.12 tasks that are done are gathered without a turn of the loop, and
            # it takes one for the set to become empty.
            await asyncio.sleep(0)

    def abandon(self) -> None:
        """Publish nothing more; what was not acknowledged is read again by another window."""
        for task in self._tasks:
            task.cancel()

    def _linger_over(self, page: Page) -> None:
        if self._open is page:
            self._overdue = True
            self._close_overdue()

    def _close_overdue(self) -> None:
        if self._overdue and not self._tasks:
            self._close()

    def _close(self) -> None:
        page, self._open = self._open, None
        self._overdue = False
        if page is not None:
            self._waiting.append(page)
            task = asyncio.create_task(self._publish(page))
            self._tasks.add(task)
            task.add_done_callback(self._page_over)

    def _page_over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._close_overdue()

    async def _publish(self, page: Page) -> None:
        try:
            await self._publisher.publish(page)
        except BackendError:
            # The publisher keeps the failure and publishes nothing later; the cursor stays, and
            # with the slot kept no more is read.
            return
        self._slots.release()
        page.finish()
        while self._waiting and self._waiting[0].done:
            self.last_done = self._waiting.popleft()
