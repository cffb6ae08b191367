"""`cli.operate.replay.replayer`: publish requests, their rate, and failures."""

from typing import Any

import pytest

from tests.support.replays import HOUR, NOON, TopicInMemory, published
from videovector_bridge.cli.operate.replay.interval import Interval
from videovector_bridge.cli.operate.replay.replayer import Replayer, make_repeat, split_lanes
from videovector_bridge.errors import BackendError
from videovector_bridge.events import Event, lane, lane_key

INTERVAL = Interval(NOON, NOON + HOUR)


class Clock:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.sleeps.append(seconds)
        self.now += seconds


def make_replayer(
    topic: TopicInMemory, rate: int = 100, clock: Clock | None = None, said: list[str] | None = None
) -> Replayer:
    """A replayer with its own clock."""
    clock = clock or Clock()
    notes = [] if said is None else said
    return Replayer(
        topics=topic,
        topic="events",
        rate=rate,
        lanes=16,
        notify=notes.append,
        clock=lambda: clock.now,
        sleep=clock.sleep,
    )


def test_what_is_in_the_interval_is_published_as_it_was() -> None:
    """The same data, attributes and ordering key; nothing else."""
    topic = TopicInMemory()
    inside = published("a", data=b"\xff\x00", note="x")

    result = make_replayer(topic).run([[inside, published("b", NOON - HOUR)]], INTERVAL)

    assert topic.messages == [inside.message]
    assert result.as_json() == {"published": 1, "error": ""}


def test_the_rate_is_kept() -> None:
    """1,000 messages at 100 a second take 9 to 10 seconds; progress is reported."""
    clock, topic, said = Clock(), TopicInMemory(), list[str]()
    page = [published(f"{n}") for n in range(1_000)]

    make_replayer(topic, 100, clock, said).run([page], INTERVAL)

    assert 9.0 <= clock.now <= 10.0
    assert max(map(len, topic.requests)) <= 100
    assert said == ["Published 600 messages."]


def test_a_slow_source_is_not_made_up_for() -> None:
    """After a pause the rate is not exceeded."""
    clock, topic = Clock(), TopicInMemory()

    def pages() -> object:
        yield [published("a")]
        clock.now += 60
        yield [published(f"{n}") for n in range(20)]

    make_replayer(topic, 10, clock).run(pages(), INTERVAL)  # type: ignore[arg-type]

    assert clock.sleeps == [pytest.approx(1.0)]


@pytest.mark.parametrize(
    ("failure", "error"),
    [(BackendError("no topic"), "no topic"), (KeyboardInterrupt(), "Interrupted.")],
)
def test_a_failure_ends_the_replay_with_its_reason(failure: BaseException, error: str) -> None:
    """Only what was acknowledged counts."""
    topic = TopicInMemory()
    topic.failure, topic.fails_at = failure, 1
    pages = [[published("a")], [published("b")], [published("c")]]

    result = make_replayer(topic).run(pages, INTERVAL)

    assert (result.published, result.error) == (1, error)
    assert len(topic.messages) == 1


def test_a_request_has_one_lane_and_fits() -> None:
    """Pub/Sub's rules: one ordering key, 1,000 messages, 10 MB. The order in a lane stays."""
    messages = [
        published(f"{n}", data=b"x" * 3_000_000, ordering_key=f"lane-{n % 2:02}").message
        for n in range(8)
    ]

    requests = list(split_lanes(messages, 1_000))

    assert [[each.attributes["ce-id"] for each in request] for request in requests] == [
        ["0", "2", "4"],
        ["6"],
        ["1", "3", "5"],
        ["7"],
    ]


def test_a_message_without_an_ordering_key_gets_its_lane() -> None:
    """As the bridge chooses it: by the run, else the video, else the index, else the event."""
    ids: dict[str, Any] = {"ce-runid": "run_1", "ce-videoid": "vid_1"}
    event = Event("evt", "t", None, None, "vid_1", "run_1", None, b"")

    made = make_repeat(published("evt", NOON, ordering_key="", **ids).message, 32)

    assert made.ordering_key == lane_key(lane(event, 32))
    kept = make_repeat(published("evt", ordering_key="lane-99").message, 32)
    assert kept.ordering_key == "lane-99"
    assert make_repeat(published("evt", ordering_key="").message, 32).ordering_key == lane_key(
        lane(event._replace(id="evt", run_id=None, video_id=None), 32)
    )
