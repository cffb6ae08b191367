"""How long tests wait for what they expect: longer than anything takes on a slow machine.

A wait ends as soon as its condition holds, so only a failing test lasts so long.
"""

import time
from collections.abc import Callable
from typing import Final

PATIENCE_SECONDS: Final = 300.0
"""What takes longer will never happen, and what has ended before then has not waited for ever."""


def until(holds: Callable[[], bool]) -> bool:
    """Wait until it holds; whether it does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()
