"""Handlers of effects moved step by step, in the small model of the property test."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from tests.support.effects_model import Handler, Odds, EffectsModel
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
def model() -> Iterator[EffectsModel]:
    """A model where nothing goes wrong by itself."""
    made = EffectsModel(Random(1), Odds())
    yield made
    made.close()


def finish(model: EffectsModel, handler: Handler) -> bool:
    """Let a handler go on to its end; whether it acknowledged."""
    while not handler.over:
        model.move(handler)
    return handler.acked


def until_sent(model: EffectsModel, handler: Handler) -> None:
    """Let a handler go on until its next request has been sent."""
    calls = model.calls
    while model.calls == calls:
        model.move(handler)


def until_claimed(model: EffectsModel, handler: Handler) -> None:
    """Let a handler go on until its claim is stored, and no further."""
    writes = model.writes
    while model.writes == writes:
        model.move(handler)


def push(model: EffectsModel, event: Event) -> Outcome:
    """Publish an event, and let its handler run alone to its end."""
    return model.converge(model.publish(event))


def begin(model: EffectsModel, event: Event) -> Handler:
    """Publish an event, and start its handler, which stands before its first step."""
    return model.deliver(model.publish(event))


def pending(model: EffectsModel) -> dict[str, float]:
    """Which events are pending on the target."""
    found: dict[str, float] = model.records[TARGET][1]["pending"]
    return found


def reported(model: EffectsModel) -> list[str]:
    """Which events are on `rejected`, as often as they are."""
    return sorted(model.ledger.reports.elements())


def fail_once(model: EffectsModel, error: Exception, *, lands_in: float | None = None) -> None:
    """Let the next request fail; if it `lands_in` so many seconds, it does so late."""
    put = model.put

    def failing(target: str, desired: Any) -> None:
        model.put = put  # type: ignore[method-assign]  # the seam of this test
        model.calls += 1
        if lands_in is not None:
            model.late.append((model.now + lands_in, target, desired))
        raise error

    model.put = failing  # type: ignore[method-assign]  # likewise


def refuse_once(model: EffectsModel) -> None:
    """Let VideoVector refuse the next request."""
    fail_once(model, ValidationRefused("no such colour", status=422))


def fail_reports(model: EffectsModel) -> Callable[[], None]:
    """Let `rejected` fail until what is returned is called."""
    report = model.report

    def failing(event: Event) -> None:
        raise BackendError("the topic did not answer")

    def correct() -> None:
        model.report = report  # type: ignore[method-assign]  # the seam of this test

    model.report = failing  # type: ignore[method-assign]  # likewise
    return correct
