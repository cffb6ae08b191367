"""`byte_budget`: the bytes in use at once, and the order of waiting threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.patience import PATIENCE_SECONDS, until
from videovector_bridge.byte_budget import ByteBudget

SMALL = 10


class Holder(threading.Thread):
    """Reserves in its own thread, waits if necessary, until `give_back`."""

    def __init__(self, budget: ByteBudget, size: int, wait_seconds: float) -> None:
        super().__init__(daemon=True)
        self._budget, self._size, self._wait_seconds = budget, size, wait_seconds
        self._may_give_back = threading.Event()
        self._decided = threading.Event()
        self._reserved = False

    def run(self) -> None:
        """Reserve, wait for `give_back`, give back."""
        with self._budget.reserve(self._size, self._wait_seconds) as self._reserved:
            self._decided.set()
            assert self._may_give_back.wait(PATIENCE_SECONDS)

    def waits(self) -> bool:
        """Whether it still waits for its bytes."""
        return not self._decided.is_set()

    def has_bytes(self) -> bool:
        """Whether it got its bytes."""
        assert self._decided.wait(PATIENCE_SECONDS)
        return self._reserved

    def give_back(self) -> None:
        """Have the bytes given back, and return when they are."""
        self._may_give_back.set()
        self.join(PATIENCE_SECONDS)
        assert not self.is_alive()


def start(budget: ByteBudget, size: int, wait_seconds: float = PATIENCE_SECONDS) -> Holder:
    """Start a holder, and return when it has its bytes or waits for them."""
    before = in_line(budget)
    holder = Holder(budget, size, wait_seconds)
    holder.start()
    assert until(lambda: not holder.waits() or in_line(budget) > before)
    return holder


def in_line(budget: ByteBudget) -> int:
    """Return the number of waiting threads."""
    return sum(map(len, budget._waiting.values()))


def test_reserved_bytes_are_not_free_until_they_are_released() -> None:
    """Also after an error."""
    budget = ByteBudget(10)
    with budget.reserve(6) as first, budget.reserve(5) as second, budget.reserve(4) as third:
        assert (first, second, third) == (True, False, True)
    with pytest.raises(ZeroDivisionError), budget.reserve(10):
        raise ZeroDivisionError

    with budget.reserve(10) as again, budget.reserve(0) as nothing, budget.reserve(1) as more:
        assert (again, nothing, more) == (True, True, False)


def test_large_sizes_leave_room_for_small_ones() -> None:
    """Slow callers with large sizes exclude other large sizes, but no small one."""
    budget = ByteBudget(100, small_bytes=SMALL, small_share=40)
    large = SMALL + 40
    with budget.reserve(large) as first, budget.reserve(large) as second:
        assert (first, second) == (True, False)
        with budget.reserve(SMALL) as small:
            assert small


def test_free_bytes_are_for_waiting_threads() -> None:
    """The wait ends as soon as the bytes are free."""
    budget = ByteBudget(100)
    first = start(budget, 60)
    second = start(budget, 60)
    assert second.waits()

    first.give_back()

    assert second.has_bytes()
    second.give_back()


def test_a_wait_ends() -> None:
    """Then nothing is reserved, and nothing is released."""
    budget = ByteBudget(100)
    with budget.reserve(60), budget.reserve(60, 0.01) as reserved:
        assert not reserved
    with budget.reserve(100) as everything, budget.reserve(1) as more:
        assert (everything, more) == (True, False)


def test_a_size_that_can_never_be_free_does_not_wait() -> None:
    """Nor do others wait for it."""
    budget = ByteBudget(100, small_bytes=SMALL, small_share=40)
    with budget.reserve(101, PATIENCE_SECONDS) as too_large:
        assert not too_large
    with budget.reserve(61, PATIENCE_SECONDS) as too_large_beside_the_small:
        assert not too_large_beside_the_small


def test_waiting_threads_are_served_in_order() -> None:
    """Smaller sizes that would fit do not overtake a large one, whether they wait or not."""
    budget = ByteBudget(100)
    first = start(budget, 60)
    second, third, fourth = start(budget, 80), start(budget, 30), start(budget, 20)
    with budget.reserve(1) as at_once:
        assert not at_once

    first.give_back()
    assert second.has_bytes()
    assert (third.waits(), fourth.waits()) == (True, True)
    second.give_back()
    assert third.has_bytes()
    assert fourth.has_bytes()
    third.give_back()
    fourth.give_back()


def test_after_a_timeout_the_next_in_line_is_served() -> None:
    """The next in line is served although nothing was released."""
    budget = ByteBudget(100)
    first = start(budget, 60)
    second = start(budget, 80, wait_seconds=0.2)
    third = start(budget, 30)

    assert third.has_bytes()
    assert not second.has_bytes()
    for holder in (first, second, third):
        holder.give_back()


def test_small_sizes_overtake_large_ones_that_wait() -> None:
    """They have their own share."""
    budget = ByteBudget(100, small_bytes=SMALL, small_share=40)
    first = start(budget, 50)
    second = start(budget, 50)
    assert second.waits()
    with budget.reserve(SMALL) as small:
        assert small

    first.give_back()
    assert second.has_bytes()
    second.give_back()


def test_all_waiting_threads_are_served() -> None:
    """Eight of them, repeatedly; never more than the budget at once."""
    budget, lock = ByteBudget(100), threading.Lock()
    in_use, most = 0, 0

    def work(size: int) -> bool:
        nonlocal in_use, most
        with budget.reserve(size, PATIENCE_SECONDS) as reserved:
            with lock:
                in_use += size
                most = max(most, in_use)
            with lock:
                in_use -= size
        return reserved

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, [10, 30, 50, 100] * 100))
    assert most <= 100
    assert in_line(budget) == 0


def test_threads_never_reserve_more_than_the_budget() -> None:
    """For any sizes at once; in the end all bytes are free."""
    budget, together = ByteBudget(100), threading.Barrier(8)

    def hold(_: int) -> bool:
        together.wait()
        with budget.reserve(30) as reserved:
            together.wait()
            return reserved

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(hold, range(8))) == 3
    with budget.reserve(100) as everything:
        assert everything
