"""Hand a stream over from one window to the next without a gap (profile `live`).

The next window asks for the stream in a document of its own, `hand_overs/{stream}`. The window with
the lease looks there from the middle of its time on, ends, and releases the lease. The next one
waits for that, acquires the lease as always, and reads on from the cursor. The request is not in
`streams/{stream}`, because a write to that document would renew the lease of a dead window.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from videovector_bridge.backends.ports import Documents, Timeout
from videovector_bridge.errors import BackendError, ConflictError
from videovector_bridge.ingest.lease import Acquired, Busy

COLLECTION: Final = "hand_overs"
LOOK_SECONDS: Final = 1.0
"""Seconds between two looks of the window with the lease for a request."""
POLL_SECONDS: Final = 0.2
"""Seconds between two attempts of the next window to acquire the lease."""
_WAIT_MARGIN_SECONDS: Final = 5.0

_ASK_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class HandOver:
    """Requests for one stream, whose windows have leases of `lease_seconds`."""

    documents: Documents
    stream: str
    lease_seconds: float

    @property
    def wait_seconds(self) -> float:
        """How long a window waits: longer than a lease, which ends by itself if its owner dies."""
        return self.lease_seconds + _WAIT_MARGIN_SECONDS

    def ask(self, token: int, owner: str, *, timeout: Timeout) -> None:
        """Ask the window with this fencing token for the stream. Raises `BackendError`.

        `owner` is the one that asks: a write without a change would not renew the document.
        """
        request = {"token": token, "owner": owner}
        for _ in range(_ASK_ATTEMPTS):
            stored = self.documents.read(COLLECTION, self.stream, timeout=timeout)
            try:
                self.documents.write(
                    COLLECTION, self.stream, request, replaces=stored, timeout=timeout
                )
            except ConflictError:
                continue  # another window asks at the same time
            return

    def is_asked(self, token: int, *, timeout: Timeout) -> bool:
        """Whether a window waits for the one with this fencing token. Raises `BackendError`."""
        stored = self.documents.read(COLLECTION, self.stream, timeout=timeout)
        if stored is None or stored.fields.get("token") != token:
            return False
        return stored.age_seconds < self.wait_seconds


async def acquire_in_turn(
    acquire: Callable[[], Acquired], ask: Callable[[int], None], *, wait_seconds: float
) -> Acquired:
    """Acquire a lease; while another window has it, ask for it and wait, at most `wait_seconds`.

    Returns `Busy` if the time ends, or if a third window acquires the lease first: it reads on.
    `acquire` and `ask` block.
    """
    clock = asyncio.get_running_loop().time
    result = await asyncio.to_thread(acquire)
    if not isinstance(result, Busy):
        return result
    until, token = clock() + wait_seconds, result.token
    await asyncio.to_thread(ask, token)
    while isinstance(result, Busy) and result.token == token and clock() < until:
        await asyncio.sleep(POLL_SECONDS)
        result = await asyncio.to_thread(acquire)
    return result


async def wait_for_request(is_asked: Callable[[], bool], *, begins_at: float) -> None:
    """Return when another window asks. Looks from `begins_at` (event loop time) on.

    `is_asked` blocks, and may raise `BackendError`.
    """
    clock = asyncio.get_running_loop().time
    await asyncio.sleep(begins_at - clock())
    while True:
        try:
            if await asyncio.to_thread(is_asked):
                return
        except BackendError:
            pass  # the committer reports a store that fails
        await asyncio.sleep(LOOK_SECONDS)
