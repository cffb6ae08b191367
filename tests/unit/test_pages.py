"""`ingest.pages` and `ingest.pager`: what is published together, and what the cursor follows."""

import asyncio
from typing import Any, cast

import pytest

from tests.fakes import event
from videovector_bridge.api.frames import Frame
from videovector_bridge.errors import BackendError
from videovector_bridge.ingest import pages
from videovector_bridge.ingest.lanes import Publisher
from videovector_bridge.ingest.pager import Pager
from videovector_bridge.ingest.pages import Page
from videovector_bridge.ingest.position import Position
from videovector_bridge.messages import MAX_DATA_BYTES


def page_of(*frames: tuple[bytes, str], claimable: bool = False) -> Page:
    """A page of these frames: data and id in force."""
    page, position = Page(16, claimable), Position("before")
    for data, last_event_id in frames:
        page.add(Frame(data, last_event_id), position)
    return page


def ids(page: Page) -> set[str]:
    """The ids of the page's events."""
    return {one.id for events in page.lanes.values() for one in events}


def test_events_go_to_lanes_and_the_rest_is_rejected() -> None:
    """What is no event is kept with its bytes, and the cursor passes both."""
    page = page_of((event(1), "evt-0001"), (b"{", "bad-1"), (event(2), "evt-0002"))
    (rejected,) = page.rejected

    assert ids(page) == {"evt-0001", "evt-0002"}
    assert (rejected.raw, rejected.reason.code) == (b"{", "bad_json")
    assert (rejected.reason.owner, rejected.last_event_id) == ("vendor", "bad-1")
    assert page.cursor == "evt-0002"
    assert page.last_created_at == "2026-01-02T03:04:05Z"


def test_a_frame_without_data_moves_the_cursor_only() -> None:
    """An id-only frame is no event, and does not fill a page."""
    page = page_of((b"", "5"))

    assert (page.cursor, page.frames, ids(page)) == ("5", 0, set())


def test_too_large_without_a_bucket_is_the_users_to_mend() -> None:
    """An event larger than a message is rejected whole, with its id, or kept for its claim."""
    large = event(1, payload={"pad": "x" * MAX_DATA_BYTES})
    (rejected,) = page_of((large, "a")).rejected

    assert (rejected.reason.code, rejected.reason.owner) == ("too_large", "user")
    assert (rejected.event_id, rejected.raw) == ("evt-0001", large)
    assert page_of((large, "a"), claimable=True).rejected == []


def test_a_page_is_full_by_number_or_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either limit closes a page."""
    monkeypatch.setattr(pages, "PAGE_EVENTS", 2)
    assert not page_of((event(1), "1")).full
    assert page_of((event(1), "1"), (b"{", "2")).full
    monkeypatch.setattr(pages, "PAGE_BYTES", 10)
    assert page_of((event(1), "1")).full


class ByHand:
    """A publisher whose pages end when the test says so."""

    def __init__(self) -> None:
        self.pages: list[asyncio.Future[None]] = []
        self.started: list[Page] = []
        self.called = asyncio.Event()

    async def publish(self, page: Page) -> None:
        """Wait for the test."""
        self.started.append(page)
        self.called.set()
        self.pages.append(asyncio.get_running_loop().create_future())
        await self.pages[-1]


def pager(publisher: ByHand, **changed: Any) -> Pager:
    """A pager of one-frame pages."""
    given: dict[str, Any] = {"lanes": 4, "linger_seconds": 60.0, "claimable": False} | changed
    return Pager(cast("Publisher", publisher), **given)


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_the_cursor_follows_the_contiguous_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is done waits for all before it, whatever the order they end in."""
    monkeypatch.setattr(pages, "PAGE_EVENTS", 1)

    async def run() -> None:
        publisher = ByHand()
        under_test, position = pager(publisher), Position(None)
        for number in range(1, 4):
            await under_test.add(Frame(event(number), f"{number}"), position)
        await settle()
        publisher.pages[2].set_result(None)
        publisher.pages[1].set_result(None)
        await settle()
        assert under_test.last_done is None
        publisher.pages[0].set_result(None)
        await settle()
        assert under_test.last_done is not None
        assert under_test.last_done.cursor == "3"
        assert not under_test.busy

    asyncio.run(run())


def test_a_failed_page_holds_the_cursor_and_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failure the cursor stays before it, and no more is read than is in flight."""
    monkeypatch.setattr(pages, "PAGE_EVENTS", 1)

    async def run() -> None:
        publisher = ByHand()
        under_test, position = pager(publisher), Position(None)
        for number in range(1, 5):
            await under_test.add(Frame(event(number), f"{number}"), position)
        await settle()
        fifth = asyncio.create_task(under_test.add(Frame(event(5), "5"), position))
        for one in publisher.pages:
            one.set_exception(BackendError("down"))
        await settle()
        assert not fifth.done()
        assert under_test.last_done is None
        assert position.cursor == "4"
        fifth.cancel()
        await under_test.flush()

    asyncio.run(run())


def test_an_open_page_leaves_after_the_linger() -> None:
    """One event alone is published without waiting for the page to fill."""

    async def run() -> None:
        publisher = ByHand()
        under_test = pager(publisher, linger_seconds=0.0)
        assert not await under_test.add(Frame(event(1), "1"), Position(None))
        assert under_test.busy
        async with asyncio.timeout(10):
            await publisher.called.wait()
        assert len(publisher.started) == 1

    asyncio.run(run())
