"""A redrive is idempotent: done twice, or killed and done again, it leads to what one redrive does.

Events are delivered to the model of effects under failures. What it rejects is redriven by the
command's code, whose process dies at random calls.
"""

import contextlib
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.effect_histories import EXAMPLES, RESPONSES, events_of
from tests.support.effects_model import EffectsModel, Odds
from tests.support.letter_runs import MemorySubscription, MemoryTopic, StepsUntil, Time, redrive
from tests.support.overlapping_deliveries import run_to_the_end
from tests.support.promises import Event
from tests.support.step_loop import Died
from videovector_bridge.backends.ports import Message
from videovector_bridge.messages import rejected_messages


def rejected(model: EffectsModel) -> list[Message]:
    """The messages on `rejected`: one for each report of a refusal."""
    return [
        message
        for event in model.ledger.rejected()
        for _ in range(model.ledger.reports[event.key])
        for message in rejected_messages(
            event.created_at.encode(),
            owner="user",
            code="validation_refused",
            detail="refused",
            context={
                "ce-id": event.event_id,
                "ce-source": event.source,
                "ce-type": "com.vectormethods.t",
                "action": "upsert_marker",
                "automation": "a",
            },
        )
    ]


def redrive_with_deaths(messages: list[Message], random: Random) -> list[Message]:
    """Redrive until the subscription is empty; return what is on the topic."""
    time = Time()
    subscription, topic = MemorySubscription(messages, time), MemoryTopic()
    while subscription.messages:
        dies = random.random() < 0.5
        subscription.step = topic.step = StepsUntil(random.randint(1, 8) if dies else 0)
        with contextlib.suppress(Died):
            redrive(subscription, topic, time, rate=random.choice((1, 2, 100)))
        subscription.restart()
    return topic.messages


def events_behind(messages: list[Message], events: list[Event]) -> list[Event]:
    """The events that the copies carry."""
    by_id = {(event.event_id, event.source): event for event in events}
    return [
        by_id[message.attributes["ce-id"], message.attributes["ce-source"]] for message in messages
    ]


@settings(max_examples=EXAMPLES // 3)
@given(st.integers(0, 2**32 - 1))
def test_redriving_twice_leads_to_what_one_redrive_does(seed: int) -> None:
    """Effects converge, and a repeated redrive sends no request and writes no record."""
    random = Random(seed)
    model = EffectsModel(random, Odds.drawn(random))
    events = events_of(random, random.choice((1, 2)), random.randint(2, 5), RESPONSES)
    run_to_the_end(
        model, [model.publish(one) for one in events], overlap=random.randint(2, 6), rounds=200
    )
    messages = rejected(model)

    model.corrected = True
    model.odds = Odds.drawn(random)
    copies = events_behind(redrive_with_deaths(messages, random), events)
    assert {one.key for one in copies} == {one.key for one in model.ledger.rejected()}
    run_to_the_end(model, [model.publish(one) for one in copies], overlap=4, rounds=200)
    model.check_end()
    targets = dict(model.targets)

    calls, writes = model.calls, model.writes
    for one in events_behind(redrive_with_deaths(messages, random), events):
        if one.place <= model.ledger.newest_accepted(one.target):
            assert model.converge(model.publish(one)) == "done_before"
    assert (model.calls, model.writes, model.targets) == (calls, writes, targets)


@settings(max_examples=EXAMPLES // 3)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12))
def test_one_redrive_publishes_each_event_once(seed: int, count: int) -> None:
    """Whatever the number of rejections of an event; nothing is left."""
    random = Random(seed)
    messages = [
        message
        for _ in range(count)
        for message in rejected_messages(
            b"{}",
            owner="user",
            code="c",
            detail="d",
            context={
                "ce-id": str(random.randint(1, 4)),
                "ce-source": random.choice(("//a", "//b")),
                "ce-type": "t",
                "automation": str(random.randint(1, 3)),
            },
        )
    ]
    subscription, topic = MemorySubscription(messages, time := Time(), repeats=2), MemoryTopic()

    redrive(subscription, topic, time, rate=random.choice((1, 3, 100)))

    keys = [(each.attributes["ce-source"], each.attributes["ce-id"]) for each in topic.messages]
    assert len(keys) == len(set(keys))
    assert set(keys) == {
        (each.attributes["ce-source"], each.attributes["ce-id"]) for each in messages
    }
    assert subscription.messages == {}
