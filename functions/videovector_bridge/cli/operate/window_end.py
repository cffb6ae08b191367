"""Wait until no window drains a stream: its lease is released, or has ended."""

import time
from collections.abc import Callable
from typing import Final

from videovector_bridge.backends.ports import Documents
from videovector_bridge.cli.operate.pausable import SECONDS
from videovector_bridge.ingest.stream_document import COLLECTION, lease_owner, lease_seconds_left

_POLL_SECONDS: Final = 1.0
_REPORT_SECONDS: Final = 10.0


def await_window_end(
    documents: Documents,
    stream: str,
    *,
    seconds: float,
    notify: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> float:
    """Return the seconds that the lease of a window still lasts; 0 if none drains the stream.

    Waits up to `seconds` for that, and reports progress. Raises `BackendError`.
    """
    ends_at = clock() + seconds
    report_at = clock()
    while True:
        stored = documents.read(COLLECTION, stream, timeout=SECONDS)
        left = 0.0
        if stored is not None and lease_owner(stored.fields):
            left = max(0.0, lease_seconds_left(stored.fields, stored.age_seconds))
        now = clock()
        if left <= 0 or now >= ends_at:
            return left
        if now >= report_at:
            report_at = now + _REPORT_SECONDS
            notify(
                f"A window drains stream {stream!r}; it ends at its next write. Its lease lasts "
                f"{left:.0f} s more. Waiting for at most {ends_at - now:.0f} s ..."
            )
        sleep(min(_POLL_SECONDS, left, ends_at - now))
