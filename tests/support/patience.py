"""The longest time that a test waits: longer than anything takes on a slow machine.

A wait ends as soon as its condition holds, so only a failing test waits so long.
"""

import time
from collections.abc import Callable
from typing import Final

PATIENCE_SECONDS: Final = 300.0


def until(holds: Callable[[], bool]) -> bool:
    """Wait until the condition holds. Returns whether it does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()
