"""Handlers of effects that a test moves step by step, in the model of the property tests."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.support.effects_model import EffectsModel, Handler, Odds
from tests.support.promises import Event, Response
from videovector_bridge.api.errors import ValidationRefused
from videovector_bridge.automate.effects.task import Outcome

TARGET = "marker:run:r1"


def event(second: int, name: str, response: Response = "accepted") -> Event:
    """An event whose state has its name."""
    stamp = f"2026-01-01T00:00:{second:02}"
    return Event(TARGET, stamp, name, "//api", {"as": name}, response)


OLD, MIDDLE, NEW = event(1, "old"), event(2, "middle"), event(3, "new")


@pytest.fixture
def model() -> Iterator[EffectsModel]:
    """A model without random failures."""
    model = EffectsModel(Random(1), Odds())
    yield model
    model.close()


def finish(model: EffectsModel, handler: Handler) -> bool:
    """Let a handler run to its end. Returns whether it acknowledged the message."""
    while not handler.over:
        model.move(handler)
    return handler.acked


def until_sent(model: EffectsModel, handler: Handler) -> None:
    """Let a handler run until its next request is sent."""
    calls = model.calls
    while model.calls == calls:
        model.move(handler)


def until_claimed(model: EffectsModel, handler: Handler) -> None:
    """Let a handler run until its next write is stored, and no further."""
    writes = model.writes
    while model.writes == writes:
        model.move(handler)


def push(model: EffectsModel, event: Event) -> Outcome:
    """Publish an event, and let its handler run to its end."""
    return model.converge(model.publish(event))


def begin(model: EffectsModel, event: Event) -> Handler:
    """Publish an event, and start its handler, which waits before its first step."""
    return model.deliver(model.publish(event))


def pending(model: EffectsModel) -> dict[str, float]:
    """The events that are pending on the target, with the ends of their claims."""
    events: dict[str, float] = model.records[TARGET][1]["pending"]
    return events


def reported(model: EffectsModel) -> list[str]:
    """The events on `rejected`, with repetitions."""
    return sorted(model.ledger.reports.elements())


def fail_once(model: EffectsModel, error: Exception, *, lands_in: float | None = None) -> None:
    """Let the next request fail. With `lands_in`, it takes effect so many seconds later."""

    def fail(target: str, desired: Any) -> None:
        model.put_instead = None
        model.calls += 1
        if lands_in is not None:
            model.late.append((model.now + lands_in, target, desired))
        raise error

    model.put_instead = fail


def refuse_once(model: EffectsModel) -> None:
    """Let VideoVector refuse the next request."""
    fail_once(model, ValidationRefused("no such colour", status=422))
