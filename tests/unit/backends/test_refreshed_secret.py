"""`backends.refreshed_secret`: when a secret is read again, by whom, and what failures change."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.patience import PATIENCE_SECONDS, until
from videovector_bridge.backends.refreshed_secret import RefreshedSecret
from videovector_bridge.errors import BackendError

DOWN = BackendError("it is down")


class Store:
    """A clock, and a store with scripted results: a value, None or an error. Reads take `takes`."""

    def __init__(self, *results: str | BackendError | None, takes: float = 0.0) -> None:
        self.now = 1_000.0
        self.results = list(results)
        self.takes = takes
        self.reads = 0
        self.reports: list[str] = []
        self.secret = RefreshedSecret(self.read, self.reports.append, clock=lambda: self.now)

    def read(self) -> str | None:
        """Return or raise the next result; the last one stays."""
        self.reads += 1
        self.now += self.takes
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, BackendError):
            raise result
        return result

    def after(self, seconds: float) -> str:
        """Return the secret some seconds later."""
        self.now += seconds
        return self.secret.current()


def test_a_value_is_read_again_after_30_seconds() -> None:
    """Not before, however often it is needed."""
    store = Store("old", "new")

    assert [store.after(0), store.after(29.9), store.after(0)] == ["old"] * 3
    assert (store.after(0.1), store.reads) == ("new", 2)


def test_the_age_of_a_value_counts_from_the_start_of_its_read() -> None:
    """A version that is added during the read is noticed within 30 s too."""
    store = Store("old", "new", takes=4.0)
    store.after(0)

    assert (store.after(25.9), store.after(0.1)) == ("old", "new")


@pytest.mark.parametrize(("missing", "expected"), [(None, ""), (DOWN, "it is down")])
def test_without_a_value_it_is_read_again_after_5_seconds(
    missing: BackendError | None, expected: str
) -> None:
    """Requests before that get the same result at once, without a call."""
    store = Store(missing, "first")

    def result(seconds: float) -> str:
        try:
            return store.after(seconds)
        except BackendError as error:
            return str(error)

    assert [result(0), result(4.9)] == [expected] * 2
    assert (store.reads, result(0.1), store.reads) == (1, "first", 2)


def test_an_empty_value_is_a_value() -> None:
    """An operator may empty the secret, so that nothing is accepted."""
    store = Store("word", "")

    assert [store.after(0), store.after(30)] == ["word", ""]
    assert not store.reports


@pytest.mark.parametrize("failure", [DOWN, None], ids=["down", "deleted"])
def test_the_last_value_stays_valid_while_reads_fail(failure: BackendError | None) -> None:
    """A failed read is repeated after 5 s; the next value is used as soon as there is one."""
    store = Store("word", failure, failure, "next")

    assert [store.after(0), store.after(30), store.after(4.9)] == ["word"] * 3
    assert (store.reads, store.after(0.1), store.reads) == (2, "word", 3)
    assert (store.after(5), store.reads) == ("next", 4)


def test_failures_are_reported_once_a_minute() -> None:
    """Not for each read, and never without an older value: the caller gets that error."""
    store = Store(DOWN, "word", DOWN)
    with pytest.raises(BackendError):
        store.after(0)
    store.after(5)
    assert store.reports == []
    store.after(30)
    assert store.reports == ["it is down"]
    for _ in range(11):
        store.after(5)
    assert len(store.reports) == 1
    store.after(5)
    assert len(store.reports) == 2


def test_each_thread_gets_its_own_error() -> None:
    """One error that several threads raise would collect the traceback of all."""
    store = Store(DOWN)
    errors = []
    for _ in range(2):
        with pytest.raises(BackendError) as caught:
            store.secret.current()
        errors.append(caught.value)

    assert store.reads == 1
    assert errors[0] is not errors[1]


def test_it_is_hidden() -> None:
    """No repr shows the value."""
    store = Store("hidden-word")
    store.after(0)

    assert "hidden-word" not in repr(store.secret) + repr(store.secret._reading)


class Blocking:
    """A store whose reads wait until the test releases them."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.value = "old"
        self.reading = threading.Semaphore(0)
        self.release = threading.Semaphore(0)
        self.reads = 0
        self.secret = RefreshedSecret(self.read, lambda _: None, clock=lambda: self.now)

    def read(self) -> str:
        """Wait, and return the value."""
        self.reads += 1
        self.reading.release()
        assert self.release.acquire(timeout=PATIENCE_SECONDS)
        return self.value

    @contextmanager
    def read_by_another_thread(self, pool: ThreadPoolExecutor) -> Iterator[Future[str]]:
        """Run the block while another thread reads."""
        reader = pool.submit(self.secret.current)
        assert self.reading.acquire(timeout=PATIENCE_SECONDS)
        try:
            yield reader
        finally:
            self.release.release()


@pytest.fixture
def blocking() -> Blocking:
    """Such a store, not read yet."""
    return Blocking()


def start(pool: ThreadPoolExecutor, count: int, call: Callable[[], str]) -> list[Future[str]]:
    """Start calls in threads that certainly run."""
    running = threading.Semaphore(0)

    def run() -> str:
        running.release()
        return call()

    calls = [pool.submit(run) for _ in range(count)]
    assert all(running.acquire(timeout=PATIENCE_SECONDS) for _ in calls)
    return calls


def test_the_first_requests_wait_for_one_read(blocking: Blocking) -> None:
    """However many arrive at once, there is one call."""
    with ThreadPoolExecutor(9) as pool:
        with blocking.read_by_another_thread(pool) as reader:
            others = start(pool, 8, blocking.secret.current)
            assert not any(each.done() for each in others)

        assert [each.result() for each in (reader, *others)] == ["old"] * 9
    assert blocking.reads == 1


def test_other_requests_do_not_wait_for_a_read(blocking: Blocking) -> None:
    """They use the last value; the reader gets the new one."""
    with ThreadPoolExecutor(1) as pool:
        with blocking.read_by_another_thread(pool):
            pass
        assert until(lambda: blocking.secret._reading is not None)
        blocking.now, blocking.value = blocking.now + 34.9, "new"
        with blocking.read_by_another_thread(pool) as reader:
            assert [blocking.secret.current() for _ in range(8)] == ["old"] * 8

        assert reader.result() == "new"
    assert (blocking.secret.current(), blocking.reads) == ("new", 2)


def test_a_value_from_before_an_idle_time_is_not_used(blocking: Blocking) -> None:
    """A rotation may have ended while no request arrived: all wait for the next value."""
    with ThreadPoolExecutor(9) as pool:
        with blocking.read_by_another_thread(pool):
            pass
        assert until(lambda: blocking.secret._reading is not None)
        blocking.now, blocking.value = blocking.now + 3_600, "new"
        with blocking.read_by_another_thread(pool) as reader:
            others = start(pool, 8, blocking.secret.current)
            assert not any(each.done() for each in others)

        assert [each.result() for each in (reader, *others)] == ["new"] * 9
    assert blocking.reads == 2
