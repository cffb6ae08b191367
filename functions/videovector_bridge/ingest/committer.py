"""The last stage of a window: commit the cursor of acknowledged batches and renew the lease."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from videovector_bridge.errors import BackendError, UnstorableError
from videovector_bridge.ingest.batcher import Checkpoint
from videovector_bridge.ingest.deadline import Deadline
from videovector_bridge.ingest.lease import Lease, LeaseLost
from videovector_bridge.ingest.outcome import Stop

STATE_SECONDS: Final = 5.0
"""Timeout of one call to the store."""
COMMIT_SECONDS: Final = 1.0
"""Seconds between commits: Firestore sustains one write a second to a document."""

_LAST_WRITE_SECONDS: Final = 0.6  # past the end of the window, for the last write


class Committer:
    """Writes the newest checkpoint of a queue every `commit_seconds`, and renews the lease."""

    def __init__(
        self,
        lease: Lease,
        acknowledged: asyncio.Queue[Checkpoint | None],
        deadline: Deadline,
        *,
        commit_seconds: float = COMMIT_SECONDS,
    ) -> None:
        self._lease = lease
        self._acknowledged = acknowledged
        self._deadline = deadline
        self._lease_seconds = float(lease.fields["lease_seconds"])
        self._interval = min(commit_seconds, self._lease_seconds / 4)
        self._committed: Checkpoint | None = None
        self.checkpoint: Checkpoint | None = None
        """The newest checkpoint: its batch and all batches before it are acknowledged."""
        self.paused = asyncio.Event()
        """Set by the first write that meets a pause of the stream."""

    async def run(self) -> Stop | None:
        """Commit and renew until the queue ends; return a reason to stop if renewing fails."""
        clock = asyncio.get_running_loop().time
        due_at = clock() + self._interval
        while True:
            try:
                async with asyncio.timeout_at(due_at):
                    checkpoint = await self._acknowledged.get()
                if checkpoint is None:
                    return None
                self.checkpoint = checkpoint
            except TimeoutError:
                pass
            if clock() >= due_at:
                stop = await self._commit_if_due(clock())
                if stop is not None:
                    return stop
                due_at = clock() + self._interval

    async def _commit_if_due(self, now: float) -> Stop | None:
        renewed_at = self._lease.expires_at - self._lease_seconds
        if self.checkpoint is self._committed and now - renewed_at < self._lease_seconds / 3:
            return None
        stop = await self._write({}, self._deadline.ends_at, release=False)
        if stop is None or isinstance(stop.error, LeaseLost):
            return stop
        # The store failed: retry while the lease lasts.
        return stop if self._lease.expires_at - now <= 2 * self._interval else None

    async def finish(self, changes: Mapping[str, Any]) -> Stop | None:
        """Write `changes` with the last checkpoint and release the lease; return the failure."""
        # Only this write may reach past the end of the window.
        return await self._write(
            changes, self._deadline.ends_at + _LAST_WRITE_SECONDS, release=True
        )

    async def _write(
        self, changes: Mapping[str, Any], ends_at: float, *, release: bool
    ) -> Stop | None:
        clock = asyncio.get_running_loop().time
        until = min(ends_at, clock() + STATE_SECONDS)
        checkpoint = self.checkpoint
        progress: dict[str, Any] = {}
        if checkpoint is not None and checkpoint is not self._committed:
            progress = self._lease.progress(
                checkpoint.cursor, checkpoint.start_from, ids_differ=checkpoint.ids_differ
            )
        writing = asyncio.ensure_future(
            asyncio.to_thread(
                self._lease.release if release else self._lease.commit,
                {**progress, **changes},
                timeout=lambda: until - clock(),
            )
        )
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            # The thread still runs: nothing else may use the lease until it has ended.
            await asyncio.wait([writing])
            raise
        except LeaseLost as error:
            return Stop("lease_lost", error)
        except (BackendError, UnstorableError) as error:
            return Stop("state_unavailable", error)
        if self._lease.pause is not None:
            self.paused.set()
        self._committed = checkpoint
        self._deadline.renew(self._lease.expires_at)
        return None
