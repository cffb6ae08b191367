"""`watch.canary.arrivals`: which messages are test events of this run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from videovector_bridge.backends.ports import Message
from videovector_bridge.backends.reading_ports import PulledMessage, Subscriptions
from videovector_bridge.watch.canary.arrivals import Arrivals

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
IDS = {"default": "w1", "second": "w 2"}


def pulled(
    ack_id: str, source: str = "w1", kind: str = "test", seconds: float = 1.0
) -> PulledMessage:
    """Return a message that was published so many seconds after the start."""
    attributes = {
        "ce-type": f"com.vectormethods.{kind}",
        "ce-source": f"//api.example.test/webhooks/{source}",
    }
    published_at = NOW + timedelta(seconds=seconds)
    return PulledMessage(ack_id, ack_id, Message(b"{}", attributes), published_at)


@dataclass
class Scripted:
    """Subscriptions that return the messages of the test, one list for each pull."""

    pulls: list[list[PulledMessage]]
    timeouts: list[float] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)

    def pull(self, _subscription: str, *, limit: int, timeout: float) -> list[PulledMessage]:
        """Return the next list."""
        self.timeouts.append(timeout)
        return self.pulls.pop(0)[:limit]

    def acknowledge(self, _subscription: str, ack_ids: Sequence[str], **_: float) -> None:
        """Record the acknowledgements."""
        self.acknowledged += ack_ids

    def extend(self, _subscription: str, ack_ids: Sequence[str], seconds: int, **_: float) -> None:
        """Record the messages that are returned."""
        assert seconds == 1
        self.returned += ack_ids


def receive(*pulls: list[PulledMessage]) -> tuple[dict[str, float], Scripted]:
    """Pull everything, a second each; return the arrivals."""
    scripted = Scripted([*pulls])
    times = iter(range(100))
    arrivals = Arrivals(
        cast("Subscriptions", scripted),
        "canary",
        IDS,
        NOW,
        lambda: float(next(times)),
        pull_seconds=5.0,
    )
    while scripted.pulls:
        arrivals.pull(60.0)
    return arrivals.seconds, scripted


def test_the_event_of_each_webhook_arrives() -> None:
    """The id in `ce-source` is quoted."""
    seconds, scripted = receive([pulled("a")], [pulled("b", "w%202")])

    assert seconds == {"default": 1.0, "second": 2.0}
    assert scripted.acknowledged == ["a", "b"]
    assert not scripted.returned


def test_an_event_without_a_webhook_id_counts_once() -> None:
    """VideoVector may send a test delivery without the header."""
    seconds, scripted = receive([pulled("a", "unknown"), pulled("b", "unknown")])

    assert list(seconds) == ["default", "second"]
    assert scripted.acknowledged == ["a", "b"]


def test_old_and_other_messages_are_acknowledged() -> None:
    """Nobody else reads the subscription, and emulators do not filter."""
    old, other = pulled("a", seconds=-3_600), pulled("b", kind="prompt_run.failed")
    seconds, scripted = receive([old, other])

    assert not seconds
    assert scripted.acknowledged == ["a", "b"]


def test_clocks_may_differ() -> None:
    """The topic's clock may be behind ours."""
    assert receive([pulled("a", seconds=-30)])[0] == {"default": 1.0}


def test_the_event_of_another_run_is_returned() -> None:
    """Two runs at once each receive one of two events; none of both is dead."""
    seconds, scripted = receive([pulled("a"), pulled("b")], [pulled("c", "w9")])

    assert seconds == {"default": 1.0}
    assert scripted.acknowledged == ["a"]
    assert scripted.returned == ["b", "c"]


def test_a_pull_ends_with_the_deadline() -> None:
    """It waits for a message, or less near the deadline."""
    scripted = Scripted([[], [], []])
    arrivals = Arrivals(
        cast("Subscriptions", scripted), "canary", IDS, NOW, lambda: 0.0, pull_seconds=5.0
    )
    for seconds in (60.0, 0.5, 0.0):
        arrivals.pull(seconds)

    assert scripted.timeouts == [5.0, 0.5, 0.1]
