"""A replay loses nothing, adds nothing, and is idempotent.

For any messages, any split into files or pages, kills at any request and any repetition: the topic
gets each message of the interval at least once, byte for byte, and none outside of it. The effects
are those of one pass.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.support.archived_files import FilesInMemory
from tests.support.effect_histories import events_of
from tests.support.effects_model import EffectsModel, Odds
from tests.support.overlapping_deliveries import run_to_the_end
from tests.support.promises import Event
from tests.support.replays import HOUR, NOON, Killed, TopicInMemory, published
from videovector_bridge.backends.reading_ports import PublishedMessage
from videovector_bridge.cli.operate.replay.archive import ArchivedMessages
from videovector_bridge.cli.operate.replay.interval import Interval
from videovector_bridge.cli.operate.replay.replayer import Replayer
from videovector_bridge.errors import BackendError

INTERVAL = Interval(NOON, NOON + HOUR)
EDGES = (
    *(timedelta(microseconds=-1), timedelta(0), timedelta(microseconds=1)),
    *(HOUR - timedelta(microseconds=1), HOUR, HOUR + timedelta(microseconds=1)),
)
moments = st.sampled_from(EDGES) | st.integers(-1_800, 5_400).map(lambda n: timedelta(seconds=n))


@st.composite
def messages(draw: st.DrawFn) -> list[PublishedMessage]:
    """Draw messages around the interval, each with its id; some are stored twice."""
    drawn = draw(
        st.lists(
            st.tuples(moments, st.binary(max_size=40), st.sampled_from(["", "lane-00", "lane-15"])),
            max_size=25,
        )
    )
    made = [
        published(f"e{number}", NOON + moment, data=data, ordering_key=key, note=f"n{number}")
        for number, (moment, data, key) in enumerate(drawn)
    ]
    return made + draw(st.lists(st.sampled_from(made), max_size=5) if made else st.just([]))


def split(items: Sequence[PublishedMessage], random: Random) -> list[list[PublishedMessage]]:
    """Split into pages or files, some of them empty."""
    pages: list[list[PublishedMessage]] = [[]]
    for item in items:
        while random.random() < 0.3:
            pages.append([])
        pages[-1].append(item)
    return pages


def replay(
    topic: TopicInMemory, pages: Iterator[Sequence[PublishedMessage]], rate: int
) -> tuple[str, int]:
    """Replay once; return the error and the number of published messages."""
    result = Replayer(
        topics=topic,
        topic="events",
        rate=rate,
        lanes=16,
        notify=lambda _text: None,
        clock=lambda: 0.0,
        sleep=lambda _seconds: None,
    ).run(pages, INTERVAL)
    return result.error, result.published


def interrupt(topic: TopicInMemory, random: Random) -> None:
    """Let the topic fail at some request, before or after it stores the messages."""
    topic.failure = random.choice([Killed(), BackendError("no"), KeyboardInterrupt()])
    topic.fails_at = topic._count + random.randrange(8)
    topic.after = random.random() < 0.5


def check(topic: TopicInMemory, stored: Sequence[PublishedMessage]) -> None:
    """Check what the topic has against the messages that were stored."""
    inside = {
        each.message.attributes["ce-id"]: each.message for each in stored if INTERVAL.includes(each)
    }
    arrived = {each.attributes["ce-id"]: each for each in topic.messages}
    assert arrived.keys() == inside.keys()
    for message in topic.messages:
        original = inside[message.attributes["ce-id"]]
        assert (message.data, message.attributes) == (original.data, original.attributes)
        assert message.ordering_key == original.ordering_key or not original.ordering_key
        assert message.ordering_key.startswith("lane-")


@given(
    stored=messages(),
    seed=st.integers(0, 2**32 - 1),
    failures=st.integers(0, 3),
    rate=st.integers(1, 7),
)
def test_every_message_of_the_interval_is_published_and_no_other(
    stored: list[PublishedMessage], seed: int, failures: int, rate: int
) -> None:
    """From pages, after any failures, if the last repetition ends well."""
    random = Random(seed)
    topic = TopicInMemory()
    for _ in range(failures):
        interrupt(topic, random)
        with suppress(Killed):
            replay(topic, iter(split(stored, random)), rate)
    topic.failure = None
    error, count = replay(topic, iter(split(stored, random)), rate)

    assert error == ""
    assert count == sum(map(INTERVAL.includes, stored))
    check(topic, stored)


@given(stored=messages(), seed=st.integers(0, 2**32 - 1), kill=st.booleans())
def test_every_message_of_the_archive_is_published(
    stored: list[PublishedMessage],
    seed: int,
    kill: bool,  # noqa: FBT001
) -> None:
    """From real Avro files, whatever is in which file; a damaged one is never passed over."""
    random = Random(seed)
    topic = TopicInMemory()
    archive = ArchivedMessages(FilesInMemory(split(stored, random)))
    if kill:
        interrupt(topic, random)
        with suppress(Killed):
            replay(topic, archive.read(INTERVAL.since, INTERVAL.until), 5)
        topic.failure = None
    error, _ = replay(topic, archive.read(INTERVAL.since, INTERVAL.until), 5)

    assert error == ""
    check(topic, stored)


@given(
    seed=st.integers(0, 2**32 - 1),
    each=st.integers(1, 5),
    repeats=st.integers(1, 3),
    overlap=st.integers(1, 4),
)
def test_the_effects_are_those_of_one_pass(
    seed: int, each: int, repeats: int, overlap: int
) -> None:
    """Whatever part is published how often, beside the first deliveries or after them."""
    random = Random(seed)
    events = {f"{one.key}": one for one in events_of(random, 2, each, ("accepted",))}
    once = EffectsModel(Random(0), Odds(leap=0.0))
    run_to_the_end(once, [once.publish(one) for one in events.values()], overlap=1, rounds=0)
    stored = [published(key, NOON + HOUR / 2) for key in events]
    topic = TopicInMemory()
    for _ in range(repeats):
        interrupt(topic, random)
        with suppress(Killed):
            replay(topic, iter(split(stored, random)), 3)

    model = EffectsModel(random, Odds(leap=0.05))
    repeated: list[Event] = [events[message.attributes["ce-id"]] for message in topic.messages]
    deliveries = [*events.values(), *repeated]
    if random.random() < 0.5:
        run_to_the_end(
            model, [model.publish(one) for one in events.values()], overlap=overlap, rounds=0
        )
        deliveries = repeated
    run_to_the_end(model, [model.publish(one) for one in deliveries], overlap=overlap, rounds=0)
    model.check_end()

    assert model.targets == once.targets
