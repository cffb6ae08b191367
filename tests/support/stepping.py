"""Handlers of effects moved step by step, in the small world of the property test."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from tests.support.converging import Handler, Odds, World
from tests.support.promises import Answer, Event
from videovector_bridge.api.errors import ValidationRefused
from videovector_bridge.automate.effects.task import Outcome
from videovector_bridge.errors import BackendError

TARGET = "marker:run:r1"


def event(second: int, name: str, answer: Answer = "accepted") -> Event:
    """An event that asks for the target to be as its name says."""
    stamp = f"2026-01-01T00:00:{second:02}"
    return Event(TARGET, stamp, name, "//api", {"as": name}, answer)


OLD, MIDDLE, NEW = event(1, "old"), event(2, "middle"), event(3, "new")


@pytest.fixture
def world() -> Iterator[World]:
    """A world where nothing goes wrong by itself."""
    made = World(Random(1), Odds())
    yield made
    made.close()


def finish(world: World, handler: Handler) -> bool:
    """Let a handler go on to its end; whether it acknowledged."""
    while not handler.over:
        world.move(handler)
    return handler.acked


def until_sent(world: World, handler: Handler) -> None:
    """Let a handler go on until its next request has been sent."""
    calls = world.calls
    while world.calls == calls:
        world.move(handler)


def until_claimed(world: World, handler: Handler) -> None:
    """Let a handler go on until its claim is stored, and no further."""
    writes = world.writes
    while world.writes == writes:
        world.move(handler)


def push(world: World, event: Event) -> Outcome:
    """Publish an event, and let its handler run alone to its end."""
    return world.converge(world.publish(event))


def begin(world: World, event: Event) -> Handler:
    """Publish an event, and start its handler, which stands before its first step."""
    return world.deliver(world.publish(event))


def pending(world: World) -> dict[str, float]:
    """Which events are pending on the target."""
    found: dict[str, float] = world.records[TARGET][1]["pending"]
    return found


def reported(world: World) -> list[str]:
    """Which events are on `rejected`, as often as they are."""
    return sorted(world.ledger.reports.elements())


def fail_once(world: World, error: Exception, *, lands_in: float | None = None) -> None:
    """Let the next request fail; if it `lands_in` so many seconds, it does so late."""
    put = world.put

    def failing(target: str, desired: Any) -> None:
        world.put = put  # type: ignore[method-assign]  # the seam of this test
        world.calls += 1
        if lands_in is not None:
            world.late.append((world.now + lands_in, target, desired))
        raise error

    world.put = failing  # type: ignore[method-assign]  # likewise


def refuse_once(world: World) -> None:
    """Let VideoVector refuse the next request."""
    fail_once(world, ValidationRefused("no such colour", status=422))


def fail_reports(world: World) -> Callable[[], None]:
    """Let `rejected` fail until what is returned is called."""
    report = world.report

    def failing(event: Event) -> None:
        raise BackendError("the topic did not answer")

    def correct() -> None:
        world.report = report  # type: ignore[method-assign]  # the seam of this test

    world.report = failing  # type: ignore[method-assign]  # likewise
    return correct
