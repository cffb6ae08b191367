"""The guard that refuses I/O in unit tests. Its audit events are called as Python calls them."""

import threading

import pytest

from tests.support.io_guard import REFUSED, IOGuard, IORefusedError


@pytest.fixture
def guard() -> IOGuard:
    """A guard that Python does not call."""
    return IOGuard()


@pytest.mark.parametrize("event", sorted(REFUSED))
def test_io_is_refused(guard: IOGuard, event: str) -> None:
    """And remembered, should the tested code handle the error."""
    with guard.refuse() as attempts, pytest.raises(IORefusedError, match=event):
        guard(event, ("127.0.0.1", 80))

    assert attempts == [f"{event}('127.0.0.1', 80)"]


def test_files_may_be_read(guard: IOGuard) -> None:
    """Other audit events pass."""
    with guard.refuse() as attempts:
        guard("open", ("file", "r", 0))

    assert attempts == []


def test_nothing_is_refused_outside_unit_tests(guard: IOGuard) -> None:
    """The hook stays for the life of the process, its rule for one test."""
    with guard.refuse():
        pass

    guard("socket.connect", ("127.0.0.1", 80))


def test_older_threads_are_not_refused(guard: IOGuard) -> None:
    """They belong to fixtures of other tests, which live as long as the session."""
    started, ended = threading.Event(), threading.Event()
    errors: list[Exception] = []

    def connect() -> None:
        started.wait(10)
        try:
            guard("socket.connect", ())
        except IORefusedError as error:
            errors.append(error)
        ended.set()

    older = threading.Thread(target=connect)
    older.start()
    with guard.refuse() as attempts:
        started.set()
        assert ended.wait(10)
    older.join()

    assert (errors, attempts) == ([], [])


def test_new_threads_are_refused(guard: IOGuard) -> None:
    """A thread that the test starts does no I/O either."""

    def connect() -> None:
        with pytest.raises(IORefusedError):
            guard("socket.connect", ())

    with guard.refuse() as attempts:
        thread = threading.Thread(target=connect)
        thread.start()
        thread.join()

    assert attempts == ["socket.connect()"]
