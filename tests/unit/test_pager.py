"""`ingest.pager`: pages leave, and flushing ends, whatever the tasks are doing."""

import asyncio

import pytest

from tests.fakes import event
from videovector_bridge.api.frames import Frame
from videovector_bridge.errors import BackendError
from videovector_bridge.ingest.lanes import Publisher
from videovector_bridge.ingest.pager import Pager
from videovector_bridge.ingest.pages import Page
from videovector_bridge.ingest.position import Position


class Instant(Publisher):
    """Has everything published without waiting for anything."""

    def __init__(self, failure: BackendError | None = None) -> None:
        self.failure = failure

    async def publish(self, page: Page) -> None:  # noqa: ARG002  # as it is called
        """Publish it, or fail."""
        if self.failure is not None:
            raise self.failure


def pager(failure: BackendError | None = None) -> Pager:
    """One that closes a page as soon as the loop turns."""
    return Pager(Instant(failure), lanes=1, linger_seconds=0, claimable=True)


@pytest.mark.parametrize("turns", range(6))
@pytest.mark.parametrize("failure", [None, BackendError("No.")])
def test_flushing_ends_whatever_the_tasks_are_doing(
    turns: int, failure: BackendError | None
) -> None:
    """A task may be over whose end nobody has been told of yet."""

    async def run() -> Page | None:
        made = pager(failure)
        await made.add(Frame(event(1), "1"), Position(None))
        for _ in range(turns):
            await asyncio.sleep(0)
        await made.flush()
        assert not made.busy
        return made.last_done

    done = asyncio.run(run())

    assert (done is None) == (failure is not None)
    assert done is None or done.cursor == "1"
