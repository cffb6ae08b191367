"""`letters.reader`, `letters.leases` and `letters.spool`: reading to the end, in bounded memory."""

from datetime import timedelta

import pytest

from tests.support.letter_runs import (
    NOW,
    MemorySubscription,
    MemoryTopic,
    StepsUntil,
    Time,
    read,
    redrive,
)
from tests.support.letters import event_copy, pulled, rejection, rejections
from videovector_bridge.backends.ports import Message
from videovector_bridge.cli.operate.letters.leases import LEASE_SECONDS, Leases, extending
from videovector_bridge.cli.operate.letters.reader import PAGE
from videovector_bridge.cli.operate.letters.select import Selection
from videovector_bridge.cli.operate.letters.spool import Spool

MANY = 100_000


def numbered(count: int) -> list[Message]:
    """Rejections of so many events."""
    return [rejection(event_copy(f"e{number}")) for number in range(count)]


def test_reading_ends_after_a_pull_without_a_message() -> None:
    """Every message is read once, and released at the end."""
    subscription = MemorySubscription(numbered(50), time := Time())

    first, second = read(subscription, time), read(subscription, time)

    assert first.read == second.read == 50
    assert first.letters == second.letters
    assert subscription.extensions[-1] == (50, 0)


def test_a_message_that_is_delivered_twice_is_read_once() -> None:
    """Pub/Sub delivers at least once; then reading still ends."""
    messages = numbered(50)
    subscription = MemorySubscription(messages, time := Time(), repeats=5)
    topic = MemoryTopic()

    result = redrive(subscription, topic, time)

    assert (result.selected, result.published, len(topic.messages)) == (50, 50, 50)
    assert subscription.messages == {}


def test_a_command_ends_although_messages_arrive() -> None:
    """They are left to the next one, also if they never stop."""
    endless = [rejection(event_copy("e1"))] * 10_000
    late = NOW + timedelta(minutes=2)
    subscription = MemorySubscription(endless, time := Time(), at=late)

    assert read(subscription, time).read == PAGE

    soon = NOW + timedelta(seconds=2)
    subscription = MemorySubscription(endless, time := Time(), at=soon, pull_seconds=0.5)

    assert read(subscription, time).read == 10 * PAGE


def test_a_slow_subscription_is_read_to_its_end() -> None:
    """Each pull takes nearly as long as the wait for the end."""
    subscription = MemorySubscription(
        numbered(200),
        time := Time(),
        pull_seconds=4.5,
    )

    assert read(subscription, time).read == 200


def test_reading_stops_at_the_limit() -> None:
    """Not before all parts of a selected event are there."""
    parts = rejections(event_copy("e1"), data=b"x" * 9_500_001)
    others = [rejection(event_copy("e2"))] * PAGE
    subscription = MemorySubscription([parts[0], *others, parts[1], *others], time := Time())

    reading = read(subscription, time, selection=Selection(ids=("e1",)), limit=1)

    assert len(reading.letters) == 2
    assert reading.read == 2 * PAGE


def test_a_run_over_many_messages_ends_and_shows_its_progress(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Leases are extended in requests that Pub/Sub accepts; everything is released."""
    one = rejection(event_copy("e1"))
    time = Time()
    subscription = MemorySubscription([one] * MANY, time, pull_seconds=0.002)

    reading = read(subscription, time, selection=Selection(ids=("e9",)))

    assert (reading.read, reading.letters) == (MANY, ())
    assert sum(count for count, seconds in subscription.extensions if seconds == 0) == MANY
    assert "messages of s, 0 selected so far." in capsys.readouterr().out


def test_leases_are_extended_before_they_end() -> None:
    """Those that end soon, and no others."""
    subscription = MemorySubscription(numbered(2_500), time := Time())
    leases = Leases(subscription, "s", print, clock=time.clock)
    for each in subscription.pull("s", limit=2_500, timeout=1.0):
        assert leases.add(each)

    leases.renew()
    leases.renew()
    assert subscription.extensions == [(1_000, LEASE_SECONDS)] * 2 + [(500, LEASE_SECONDS)]
    time.now += LEASE_SECONDS - 50
    leases.renew()
    time.now += 100

    leases.acknowledge(list(subscription.messages))
    assert (subscription.messages, len(leases)) == ({}, 0)


def test_an_expired_lease_leaves_the_message() -> None:
    """Its event is published, and is published again by the next redrive."""
    subscription = MemorySubscription(numbered(1), time := Time())
    topic = MemoryTopic()

    def sleep_long(name: str) -> None:
        if name == "before publish":
            time.now += 200

    topic.step = sleep_long
    redrive(subscription, topic, time)
    assert len(subscription.messages) == 1

    redrive(subscription, MemoryTopic(), time)
    assert subscription.messages == {}


def test_leases_are_extended_in_the_background(capsys: pytest.CaptureFixture[str]) -> None:
    """Also while a person is asked. A failure is reported, and tried again."""
    subscription = MemorySubscription(numbered(1), time := Time())
    leases = Leases(subscription, "s", print, clock=time.clock)
    (one,) = subscription.pull("s", limit=1, timeout=1.0)
    leases.add(one)
    subscription.step = StepsUntil(1, dies=False)

    with extending(leases, tick=0.001):
        while not subscription.extensions:
            pass

    assert "Leases are not extended" in capsys.readouterr().out
    assert subscription.extensions == [(1, LEASE_SECONDS), (1, 0)]


def test_messages_that_cannot_be_released_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """Their leases end by themselves."""
    subscription = MemorySubscription(numbered(1), time := Time())
    leases = Leases(subscription, "s", print, clock=time.clock)
    leases.add(pulled(rejection(event_copy("e1"))))
    subscription.step = StepsUntil(1, dies=False)

    leases.release()

    assert "delivered again within 180 s" in capsys.readouterr().out


def test_a_full_spool_ends_the_reading() -> None:
    """What is read is redriven; the rest waits for the next command."""
    subscription = MemorySubscription(numbered(100), time := Time())

    with Spool(max_bytes=1_000) as spool:
        reading = read(subscription, time, spool=spool)

    assert (reading.read, reading.is_full) == (PAGE, True)


def test_a_spool_returns_any_message() -> None:
    """Whole, or joined in pieces of 1 MiB."""
    first = event_copy("e1")._replace(data=bytes(range(256)) * 5_000)
    second = event_copy("e2")._replace(data=b"", attributes={"ü": "\n"}, ordering_key="")
    third = event_copy("e3")._replace(data=b"y" * 2_000_000)
    with Spool() as spool:
        for number, message in enumerate((first, second, third)):
            spool.write(str(number), message)

        assert [spool.read(str(number)) for number in range(3)] == [first, second, third]
        pieces = list(spool.pieces(["2", "1", "0"]))

    assert b"".join(pieces) == third.data + first.data
    assert {len(piece) for piece in pieces[:-1]} == {1_048_576}
