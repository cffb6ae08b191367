"""`ListLock`: one thread at a time reads a large list."""

import threading

import pytest

from videovector_bridge.automate.list_lock import ListLock
from videovector_bridge.errors import TransientError


def test_a_second_thread_waits_for_the_first() -> None:
    """The second continues after the first is done, and not before."""
    lock, order = ListLock(), list[str]()
    first_has_lock = threading.Event()

    def second() -> None:
        first_has_lock.wait()
        with lock.acquired():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with lock.acquired():
        first_has_lock.set()
        order.append("first")
    thread.join()

    assert order == ["first", "second"]


def test_a_wait_is_bounded() -> None:
    """After the wait the message is redelivered."""
    lock = ListLock(wait_seconds=0.0)

    with lock.acquired(), pytest.raises(TransientError, match="redelivered"), lock.acquired():
        pass


def test_an_error_releases_the_lock() -> None:
    """The next thread acquires it."""
    lock = ListLock(wait_seconds=0.0)
    with pytest.raises(KeyError), lock.acquired():
        raise KeyError

    with lock.acquired():
        pass
