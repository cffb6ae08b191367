"""A subscription for the time of a command, and SIGTERM as an interrupt, so that it is deleted."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import FrameType
from typing import Final

from videovector_bridge.backends.reading_ports import Subscriptions
from videovector_bridge.cli.output import print_message
from videovector_bridge.errors import BackendError

_SECONDS: Final = 20.0


@contextmanager
def temporary_subscription(
    subscriptions: Subscriptions,
    topic: str,
    *,
    filter_text: str = "",
    since: datetime | None = None,
) -> Iterator[str]:
    """Yield the name of a new subscription of `topic`, and delete it at the end.

    It gets a copy of each message and takes none from other subscriptions. After a kill, it
    expires by itself. `filter_text` and `since` are as in `Subscriptions.create_temporary`.
    Raises `BackendError`.
    """
    name = subscriptions.create_temporary(
        topic, filter_text=filter_text, since=since, timeout=_SECONDS
    )
    try:
        yield name
    finally:
        try:
            subscriptions.delete(name, timeout=_SECONDS)
        except BackendError as error:
            print_message(f"{name} is not deleted; it expires in a day. {error}")


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Raise `KeyboardInterrupt` at SIGTERM too: by default, it ends Python without clean-up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
