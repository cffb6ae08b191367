"""`backends.per_process`: one value per process, shared by its threads."""

import os
import threading
import time

from videovector_bridge.backends.per_process import PerProcess


def test_threads_share_one_value() -> None:
    """Many threads at once get the same value."""
    made: list[object] = []

    def make() -> object:
        time.sleep(0.02)
        made.append(object())
        return made[-1]

    value = PerProcess(make)
    threads = [threading.Thread(target=value.get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made == [value.get()]


def test_a_forked_child_creates_its_own_value() -> None:
    """A client from before the fork is not used after it."""
    value = PerProcess(os.getpid)
    parent = value.get()
    child = os.fork()
    if child == 0:
        os._exit(0 if value.get() == os.getpid() != parent else 1)

    assert os.waitpid(child, 0)[1] == 0
    assert value.get() == parent
