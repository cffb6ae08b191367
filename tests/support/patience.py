"""The longest wait of a test: longer than any operation takes on a slow machine.

A wait ends as soon as its condition is true, so only a failing test takes that long.
"""

import time
from collections.abc import Callable
from typing import Final

PATIENCE_SECONDS: Final = 300.0
"""An operation that takes longer counts as one that never ends."""


def until(condition: Callable[[], bool]) -> bool:
    """Wait until the condition is true; return whether it is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()
