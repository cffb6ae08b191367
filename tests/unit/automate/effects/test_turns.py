"""Handlers of one target take turns, for a limited time."""

import threading
from concurrent.futures import ThreadPoolExecutor

from videovector_bridge.automate.effects.turns import Turns

LONG = 30.0


def test_the_next_one_begins_when_the_turn_ends() -> None:
    """Two handlers of a target are never in their turns at the same time."""
    turns = Turns()
    inside: list[str] = []
    began, proceed = threading.Event(), threading.Event()

    def handle(name: str) -> None:
        with turns.taken("marker:run:1", LONG):
            inside.append(f"{name} begins")
            began.set()
            proceed.wait(LONG)
            inside.append(f"{name} ends")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(handle, "first")
        began.wait(LONG)
        second = pool.submit(handle, "second")
        proceed.set()
        first.result()
        second.result()

    assert inside == ["first begins", "first ends", "second begins", "second ends"]


def test_other_targets_do_not_wait() -> None:
    """A turn belongs to one target."""
    turns = Turns()

    with turns.taken("marker:run:1", LONG), turns.taken("marker:run:2", LONG):
        pass


def test_who_waits_too_long_continues_without_a_turn() -> None:
    """A handler that hangs delays the others of its target only for that time."""
    turns = Turns()

    with turns.taken("marker:run:1", LONG):
        with turns.taken("marker:run:1", 0.0):
            pass
        with turns.taken("marker:run:1", 0.0):
            pass


def test_a_turn_ends_with_its_error() -> None:
    """The next handler has the turn at once, and nothing is kept of a target without handlers."""
    turns = Turns()
    for _ in range(2):
        try:
            with turns.taken("marker:run:1", LONG):
                raise ValueError("a bug")
        except ValueError:
            pass

    assert not turns._turns
