"""One thread at a time reads what may be large."""

import threading

import pytest

from videovector_bridge.automate.turn import Turn
from videovector_bridge.errors import TransientError


def test_who_comes_while_another_has_the_turn_waits() -> None:
    """The second goes on when the first is done, and not before."""
    turn, order = Turn(), list[str]()
    first_has_it = threading.Event()

    def second() -> None:
        first_has_it.wait()
        with turn.take():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with turn.take():
        first_has_it.set()
        order.append("first")
    thread.join()

    assert order == ["first", "second"]


def test_nobody_waits_for_ever() -> None:
    """Whoever is late asks for a redelivery."""
    turn = Turn(wait_seconds=0.0)

    with turn.take(), pytest.raises(TransientError, match="redelivered"), turn.take():
        pass


def test_an_error_ends_the_turn() -> None:
    """The next has it after whatever happened."""
    turn = Turn(wait_seconds=0.0)
    with pytest.raises(KeyError), turn.take():
        raise KeyError

    with turn.take():
        pass
