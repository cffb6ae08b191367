"""The cursor follows what is acknowledged, and the lease is renewed, by one writer at a time."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from videovector_bridge.errors import BackendError
from videovector_bridge.ingest.outcome import Stop
from videovector_bridge.ingest.pager import Pager
from videovector_bridge.ingest.pages import Page
from videovector_bridge.ingest.state import Lease, LeaseLost

STATE_SECONDS: Final = 5.0  # one call of the store at most

_COMMIT_SECONDS: Final = 1.0  # Firestore sustains one write a second to a document.
_LAST_WRITE_SECONDS: Final = 0.6  # past the deadline, for the last commit.


class Committer:
    """Commits the position after the last page that is done without a gap.

    Everything ends by `deadline` (monotonic time), but for the last write, which may take a
    little longer.
    """

    def __init__(self, lease: Lease, pager: Pager, *, deadline: float) -> None:
        self._lease = lease
        self._pager = pager
        self._deadline = deadline
        self._lease_seconds = float(lease.fields["lease_seconds"])
        self._committed: Page | None = None
        self._turn = asyncio.Lock()

    async def run(self, reading_over: asyncio.Event) -> Stop:
        """Commit or renew now and then; why to stop, if not because `reading_over` is set."""
        interval = min(_COMMIT_SECONDS, self._lease_seconds / 4)
        while not reading_over.is_set():
            try:
                await asyncio.wait_for(reading_over.wait(), interval)
            except TimeoutError:
                stop = await self._commit_if_due(interval)
                if stop is not None:
                    return stop
        return Stop("deadline")

    async def _commit_if_due(self, interval: float) -> Stop | None:
        """Commit or renew; why to stop if the lease is lost or about to run out."""
        lease_left = self._lease.expires_at - time.monotonic()
        moved = self._pager.last_done is not self._committed
        if not moved and lease_left > self._lease_seconds * 2 / 3:
            return None
        stop = await self.commit({})
        if stop is None or isinstance(stop.error, LeaseLost):
            return stop
        # The store is in trouble: as long as the lease lasts, try again.
        lease_left = self._lease.expires_at - time.monotonic()
        return stop if lease_left <= 2 * interval else None

    async def commit(self, changes: Mapping[str, Any], *, release: bool = False) -> Stop | None:
        """Write `changes` with the cursor as it is to be now; why to stop if that failed.

        `release` gives the lease up with it.
        """
        async with self._turn:
            page = self._pager.last_done
            progress = {}
            if page is not None and page is not self._committed:
                progress = {"cursor": page.cursor, "ids_differ": page.ids_differ}
            write = self._lease.release if release else self._lease.commit
            # Only the last write may reach past the deadline, or it would have to wait for others.
            ends_at = self._deadline + (_LAST_WRITE_SECONDS if release else 0.0)
            time_left = max(0.0, ends_at - time.monotonic())
            writing = asyncio.ensure_future(
                asyncio.to_thread(
                    write, {**progress, **changes}, timeout=min(STATE_SECONDS, time_left)
                )
            )
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                # The thread goes on: nobody else may use the lease until it is through.
                await asyncio.wait([writing])
                raise
            except LeaseLost as error:
                return Stop("lease_lost", error)
            except BackendError as error:
                return Stop("state_unavailable", error)
            self._committed = page
            return None
