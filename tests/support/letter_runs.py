"""Redrives over a subscription and a topic in memory, whose calls fail or kill the process."""

# ruff: noqa: ARG002 - the methods have the parameters of the ports

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from math import inf
from typing import Any

from tests.support.letters import LANES, PUBLISHED_AT
from tests.support.step_loop import Died, nothing
from videovector_bridge.backends.ports import Blobs, Message, Timeout
from videovector_bridge.backends.publish_limits import check_request
from videovector_bridge.backends.reading_ports import MAX_PULLED, PulledMessage
from videovector_bridge.cli.operate.letters.leases import Leases, extending
from videovector_bridge.cli.operate.letters.letter import Kind
from videovector_bridge.cli.operate.letters.plan import plan_redrive
from videovector_bridge.cli.operate.letters.reader import Reading, Source, read_letters
from videovector_bridge.cli.operate.letters.redriver import Redriver, Result
from videovector_bridge.cli.operate.letters.select import Selection
from videovector_bridge.cli.operate.letters.spool import Spool
from videovector_bridge.errors import BackendError

ACK_DEADLINE = 60.0
NOW = PUBLISHED_AT + timedelta(hours=1)
Step = Callable[[str], None]


@dataclass
class Time:
    """A clock that only calls move: a pull without a message waits, a sleep sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move the time."""
        self.slept.append(seconds)
        self.now += seconds


class MemorySubscription:
    """A subscription with leases, as Pub/Sub has them. `step` is called around each call.

    A pull of a message takes `pull_seconds`. `repeats` messages of each pull come once more.
    """

    def __init__(
        self,
        messages: Sequence[Message],
        time: Time,
        *,
        step: Step = nothing,
        at: datetime = PUBLISHED_AT,
        pull_seconds: float = 0.0,
        repeats: int = 0,
    ) -> None:
        self.messages = {str(number): message for number, message in enumerate(messages, 1)}
        self.step = step
        self._time = time
        self._at = at
        self._pull_seconds = pull_seconds
        self._repeats = repeats
        self._leases: dict[str, tuple[str, float]] = {}
        self._ready = deque(self.messages)
        self._first_end = inf
        self._deliveries = 0
        self.extensions: list[tuple[int, int]] = []

    def pull(self, subscription: str, *, limit: int, timeout: Timeout) -> list[PulledMessage]:
        """Return messages without a lease; wait if there is none."""
        self.step("before pull")
        if self._time.now >= self._first_end:
            self._expire()
        ids = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
        ids += islice(self._leases, self._repeats if ids else 0)
        pulled = [self._lease(id_) for id_ in ids]
        assert not callable(timeout)
        self._time.now += self._pull_seconds if pulled else timeout
        self.step("after pull")
        return pulled

    def _expire(self) -> None:
        """Let the messages whose leases have ended be delivered again."""
        now = self._time.now
        expired = [id_ for id_, (_, end) in self._leases.items() if end <= now]
        for id_ in expired:
            del self._leases[id_]
        self._ready.extendleft(reversed(expired))
        self._first_end = min((end for _, end in self._leases.values()), default=inf)

    def _lease(self, message_id: str) -> PulledMessage:
        self._deliveries += 1
        ack_id = f"{message_id}:{self._deliveries}"
        end = self._time.now + ACK_DEADLINE
        self._leases[message_id] = (ack_id, end)
        self._first_end = min(self._first_end, end)
        return PulledMessage(ack_id, message_id, self.messages[message_id], self._at)

    def acknowledge(self, subscription: str, ack_ids: Sequence[str], *, timeout: Timeout) -> None:
        """Remove messages. One whose lease has expired stays."""
        assert len(ack_ids) <= MAX_PULLED
        self.step("before acknowledge")
        for ack_id in ack_ids:
            id_ = ack_id.partition(":")[0]
            if self._leases.get(id_, ("", 0.0))[1] > self._time.now:
                del self._leases[id_], self.messages[id_]
        self.step("after acknowledge")

    def extend(
        self, subscription: str, ack_ids: Sequence[str], seconds: int, *, timeout: Timeout
    ) -> None:
        """Set the end of leases that have not expired."""
        assert len(ack_ids) <= MAX_PULLED
        self.step("before extend")
        self.extensions.append((len(ack_ids), seconds))
        for ack_id in ack_ids:
            id_ = ack_id.partition(":")[0]
            if id_ in self._leases and self._leases[id_][1] > self._time.now:
                end = self._time.now + seconds
                self._leases[id_] = (ack_id, end)
                self._first_end = min(self._first_end, end)
        self.step("after extend")

    def restart(self) -> None:
        """Let every lease expire, as after the death of a reader."""
        self._ready = deque(self.messages)
        self._leases.clear()
        self.step = nothing


class MemoryTopic:
    """A topic whose messages are in `messages`. `step` is called around each publish."""

    def __init__(self, step: Step = nothing) -> None:
        self.step = step
        self.messages: list[Message] = []
        self.requests: list[int] = []

    def publish(self, topic: str, messages: Sequence[Message], *, timeout: Timeout) -> None:
        """Publish a request."""
        check_request(topic, messages)
        self.step("before publish")
        self.messages += messages
        self.requests.append(len(messages))
        self.step("after publish")


class StepsUntil:
    """Counts steps; at number `at` the process dies, or the call raises an error."""

    def __init__(self, at: int = 0, *, dies: bool = True) -> None:
        self.count = 0
        self._at = at
        self._dies = dies

    def __call__(self, _name: str) -> None:
        """Take a step."""
        self.count += 1
        if self._dies and 0 < self._at <= self.count:
            raise Died
        if self.count == self._at:
            raise BackendError("made up")


def read(
    subscription: MemorySubscription,
    time: Time,
    *,
    kind: Kind = "rejected",
    selection: Selection | None = None,
    **options: Any,
) -> Reading:
    """Read the letters of a subscription; release them."""
    with extending(Leases(subscription, "s", print, clock=time.clock), tick=3_600.0) as leases:
        source = make_source(subscription, time, kind)
        return read_letters(source, leases, selection or Selection(), **options)


def make_source(subscription: MemorySubscription, time: Time, kind: Kind = "rejected") -> Source:
    """Return how commands read a subscription."""
    return Source(
        kind=kind,
        subscriptions=subscription,
        subscription="s",
        functions={},
        wait=5.0,
        notify=print,
        clock=time.clock,
        now=lambda: NOW,
    )


def redrive(
    subscription: MemorySubscription,
    topic: MemoryTopic,
    time: Time,
    *,
    kind: Kind = "rejected",
    blobs: Blobs | None = None,
    selection: Selection | None = None,
    limit: int | None = None,
    rate: int = 100,
    **options: Any,
) -> Result:
    """Redrive the selected messages of a subscription, as the command does."""
    leases = Leases(subscription, "s", print, clock=time.clock)
    with Spool() as spool, extending(leases, tick=3_600.0):
        source = make_source(subscription, time, kind)
        reading = read_letters(source, leases, selection or Selection(), spool=spool, limit=limit)
        redriver = Redriver(
            kind=kind,
            topics=topic,
            blobs=blobs,
            topic="events",
            leases=leases,
            spool=spool,
            rate=rate,
            lanes=LANES,
            notify=print,
            clock=time.clock,
            sleep=time.sleep,
            **options,
        )
        return redriver.run(plan_redrive(reading.letters))


class MemoryBlobs:
    """A bucket in memory: `stored` has the data by URI."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}

    def put(self, name: str, data: bytes, content_type: str, *, timeout: Timeout) -> str:
        """Store data."""
        self.stored[f"gs://b/{name}"] = data
        return f"gs://b/{name}"

    def get(self, uri: str, *, timeout: Timeout) -> bytes:
        """Return data."""
        return self.stored[uri]

    def open(self, name: str, content_type: str) -> "_Writer":
        """Return a writer for a new object."""
        return _Writer(self, name)


class _Writer:
    def __init__(self, blobs: MemoryBlobs, name: str) -> None:
        self._blobs = blobs
        self._name = name
        self._parts: list[bytes] = []

    def write(self, part: bytes, *, timeout: Timeout) -> None:
        assert all(len(each) == 1_048_576 for each in self._parts)
        self._parts.append(part)

    def finish(self, *, timeout: Timeout) -> str:
        return self._blobs.put(self._name, b"".join(self._parts), "", timeout=timeout)


def ids_of(messages: Sequence[Message] | Mapping[str, Message]) -> list[str]:
    """Return the event ids of messages, sorted."""
    values = messages.values() if isinstance(messages, Mapping) else messages
    return sorted(each.attributes["ce-id"] for each in values)
