"""Reconcile under any order, repeats and losses of messages, kills, and concurrent runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.followed_work import START, Followed, Vendor, work_message
from tests.support.memory_ports import MemoryPorts
from tests.support.step_loop import Died
from videovector_bridge.backends.ports import Message
from videovector_bridge.work import Channel, Result, end_type

STATUSES: Mapping[str, Result] = {
    "completed": "completed",
    "completed_with_failures": "partial",
    "failed": "failed",
    "cancelled": "cancelled",
}
PREFIXES: Mapping[Channel, str] = {"stream": "processing.run_", "webhook": "prompt_run."}


@dataclass(frozen=True)
class Run:
    """One run: the channels that announce its start, and those that bring its end.

    Without a `status` it never finishes.
    """

    number: int
    starts: frozenset[Channel]
    ends: frozenset[Channel]
    status: str

    @property
    def id(self) -> str:
        """Its id."""
        return f"r{self.number}"

    def messages(self) -> list[Message]:
        """Return the messages that arrive."""
        video = f"v{self.number}"
        sent = [(f"{PREFIXES[channel]}started", "", 0) for channel in sorted(self.starts)]
        sent.append(("processing.video_started", video, 1))
        sent.append(("processing.video_completed", video, 9))
        if self.status:
            sent += [(self._end(channel), "", 10) for channel in sorted(self.ends)]
        return [
            work_message(type_, START + timedelta(seconds=at), run_id=self.id, video_id=video_id)
            for type_, video_id, at in sent
        ]

    def _end(self, channel: Channel) -> str:
        return end_type("run", channel, STATUSES[self.status])

    @property
    def expected(self) -> set[tuple[str, str]]:
        """The repairs: run id and type."""
        if not self.status or self.ends:
            return set()
        channels = self.starts or frozenset[Channel]({"stream"})  # its video is on the stream
        return {(self.id, self._end(channel)) for channel in channels}


CHANNELS: st.SearchStrategy[frozenset[Channel]] = st.frozensets(
    st.sampled_from(["stream", "webhook"])
)


@st.composite
def runs(draw: st.DrawFn) -> list[Run]:
    """Draw a few runs."""
    return [
        Run(number, draw(CHANNELS), draw(CHANNELS), draw(st.sampled_from(["", *STATUSES])))
        for number in range(draw(st.integers(1, 3)))
    ]


class Killer:
    """Kills the process at one step of its calls."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, _name: str) -> None:
        """Count a step. Raises `Died` at the last."""
        self.left -= 1
        if self.left <= 0:
            raise Died


def run_killed(followed: Followed, at: int) -> None:
    """Run, and die at a step if there are so many."""
    followed.ports.step = Killer(at) if at else lambda _name: None
    try:
        followed.run(seconds=300)
    except Died:
        pass
    finally:
        followed.ports.step = lambda _name: None


def repairs_of(followed: Followed) -> dict[tuple[str, str], set[str]]:
    """Return the ids of the repairs by run and type."""
    repairs: dict[tuple[str, str], set[str]] = {}
    for message in followed.repairs:
        names = message.attributes
        key = (names["ce-runid"], names["ce-type"].removeprefix("com.vectormethods."))
        repairs.setdefault(key, set()).add(names["ce-id"])
    return repairs


def shuffled(data: st.DataObject, messages: Sequence[Message]) -> list[Message]:
    """Return the messages in any order, some of them twice."""
    again = data.draw(st.lists(st.sampled_from(messages), max_size=4)) if messages else []
    return data.draw(st.permutations([*messages, *again]))


@given(
    drawn=runs(),
    kills=st.lists(st.integers(0, 60), max_size=8),
    split=st.integers(0, 30),
    data=st.data(),
)
@settings(max_examples=100)
def test_each_missing_end_has_exactly_one_event(
    drawn: list[Run], kills: list[int], split: int, data: st.DataObject
) -> None:
    """And no other end has one, whatever is repeated, reordered and killed.

    Messages may be repeated as late as at the end.
    """
    followed = Followed(MemoryPorts(), Vendor())
    for run in drawn:
        followed.vendor.run(run.id, run.status or "processing", f"v{run.number}")
    messages = [message for run in drawn for message in run.messages()]
    ordered = shuffled(data, messages)
    # All arrive within the grace: an end that comes later has an event in its place.
    followed.add(*ordered[:split])
    run_killed(followed, data.draw(st.integers(0, 40)))
    followed.add(*ordered[split:])
    for at in kills:
        run_killed(followed, at)
    followed.add(*shuffled(data, messages))
    for _ in range(4):
        run_killed(followed, 0)

    repairs = repairs_of(followed)
    assert set(repairs) == {each for run in drawn for each in run.expected}
    assert all(len(ids) == 1 for ids in repairs.values())
    unfinished = {f"run:{run.id}" for run in drawn if not run.status}
    assert {key for key in followed.ports.fields("open") if key.startswith("run:")} == unfinished
    assert not followed.ports.waiting


@given(drawn=runs(), at=st.integers(1, 80))
@settings(max_examples=60)
def test_two_runs_at_once_publish_the_same_event(drawn: list[Run], at: int) -> None:
    """Cloud Scheduler may call twice. The second run starts at any step of the first."""
    followed = Followed(MemoryPorts(), Vendor())
    for run in drawn:
        followed.vendor.run(run.id, run.status or "processing", f"v{run.number}")
    followed.add(*(message for run in drawn for message in run.messages()))
    followed.run()
    for _ in range(2):
        steps = 0

        def start_another(_name: str) -> None:
            nonlocal steps
            steps += 1
            if steps == at:
                now, followed.ports.step = followed.now, lambda _name: None
                followed.run()
                followed.now, followed.ports.step = now, start_another

        followed.ports.step = start_another
        followed.run()
    followed.ports.step = lambda _name: None
    followed.run()

    repairs = repairs_of(followed)
    assert set(repairs) == {each for run in drawn for each in run.expected}
    assert all(len(ids) == 1 for ids in repairs.values())


@given(started=st.floats(0, 300), lasts=st.floats(0, 2_000))
def test_a_missing_end_is_repaired_within_15_minutes(started: float, lasts: float) -> None:
    """With the defaults, and a run of reconcile every five minutes, whenever the work starts."""
    followed = Followed(MemoryPorts(), Vendor())
    starts_at = START + timedelta(seconds=started)
    ends_at = starts_at + timedelta(seconds=lasts)
    sent = False
    while followed.now <= ends_at + timedelta(minutes=15):
        if not sent and followed.now >= starts_at:
            sent = True
            followed.add(
                work_message("processing.run_started", starts_at),
                work_message("processing.video_started", starts_at, video_id="v1"),
            )
        status = "completed" if followed.now >= ends_at else "processing"
        followed.vendor.run("r1", status, "v1")
        followed.run()

    assert sorted(followed.types) == ["processing.run_completed", "processing.video_completed"]
