"""A redrive that dies at any moment: a message is in its subscription, or its copy on the topic."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.letter_runs import (
    MemoryBlobs,
    MemorySubscription,
    MemoryTopic,
    StepsUntil,
    Time,
    ids_of,
    redrive,
)
from tests.support.letters import LetterBox, event_copy, rejection, rejections
from tests.support.patience import until
from tests.support.step_loop import Died
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.ports import Message
from videovector_bridge.errors import BackendError

EVENTS = [event_copy(f"e{number}", run_id=f"r{number % 4}") for number in range(12)]
PARTS = rejections(event_copy("whole"), data=b"x" * 9_500_001)


def letters() -> list[Message]:
    """Rejections of several events: some by two automations, one in parts."""
    twice = [rejection(one, automation="blue") for one in EVENTS[::3]]
    return [*map(rejection, EVENTS), *PARTS, *twice]


def check_nothing_is_lost(subscription: MemorySubscription, topic: MemoryTopic) -> None:
    """Each event is still on `rejected`, or its copy is on `events`."""
    there = set(ids_of(subscription.messages)) | set(ids_of(topic.messages))
    assert there == {one.attributes["ce-id"] for one in letters()}


def run_until(at: int, *, dies: bool) -> tuple[MemorySubscription, MemoryTopic, Time, int]:
    """Redrive until a step; return what is left, and the number of steps."""
    steps, time = StepsUntil(at, dies=dies), Time()
    subscription = MemorySubscription(letters(), time, step=steps)
    topic = MemoryTopic(steps)
    with contextlib.suppress(Died, BackendError):
        redrive(subscription, topic, time, blobs=MemoryBlobs(), rate=5)
    return subscription, topic, time, steps.count


STEPS = run_until(0, dies=True)[-1]


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_death_before_or_after_any_call_loses_nothing(at: int) -> None:
    """A dead process releases nothing. The next redrive completes, and repeats few events."""
    subscription, topic, time, _ = run_until(at, dies=True)
    check_nothing_is_lost(subscription, topic)

    subscription.restart()
    topic.step = subscription.step
    published = len(topic.messages)
    result = redrive(subscription, topic, time, blobs=MemoryBlobs(), rate=5)

    assert subscription.messages == {}
    assert result.left_by_reason == {}
    check_nothing_is_lost(subscription, topic)
    # What one second published, at most, was not acknowledged before the death.
    assert published + result.published <= len(EVENTS) + 1 + 5


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_a_failure_before_or_after_any_call_loses_nothing(at: int) -> None:
    """The call fails, or its response is lost. The next redrive completes."""
    subscription, topic, time, _ = run_until(at, dies=False)
    check_nothing_is_lost(subscription, topic)

    subscription.restart()
    redrive(subscription, topic, time, blobs=MemoryBlobs(), rate=5)

    assert subscription.messages == {}
    check_nothing_is_lost(subscription, topic)


@pytest.mark.parametrize("at", range(1, STEPS + 1))
def test_two_redrives_at_once_lose_nothing(at: int) -> None:
    """The second one runs between any two steps of the first, whose leases have expired."""
    time = Time()
    subscription, topic = MemorySubscription(letters(), time), MemoryTopic()
    count = 0

    def step(_name: str) -> None:
        nonlocal count
        count += 1
        if count == at:
            time.now += 1_000.0
            redrive(subscription, topic, time, blobs=MemoryBlobs())

    subscription.step = topic.step = step
    redrive(subscription, topic, time, blobs=MemoryBlobs(), rate=5)

    check_nothing_is_lost(subscription, topic)
    subscription.restart()
    topic.step = subscription.step
    redrive(subscription, topic, time, blobs=MemoryBlobs())
    assert subscription.messages == {}


COMMAND = [
    sys.executable,
    "-m",
    "videovector_bridge.cli",
    "rejected",
    "redrive",
    "--local",
    "--all",
]
COUNT = 40


@pytest.fixture
def box(backend_settings: BackendSettings, tmp_path: Path) -> LetterBox:
    """Rejections of many events, on each backend in turn."""
    box = LetterBox(backend_settings, tmp_path, ack_deadline=10)
    box.put("rejected", *(rejection(event_copy(f"e{number:02}")) for number in range(COUNT)))
    return box


def start(box: LetterBox) -> subprocess.Popen[str]:
    """Start a slow redrive as a process."""
    return subprocess.Popen(
        [*COMMAND, "--rate", "4", "--wait", box.wait, "--json"],
        cwd=box.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "functions")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def published_ids(box: LetterBox, count: int) -> set[str]:
    """The ids of the first `count` events on the topic."""
    return {message.attributes["ce-id"] for message in box.published(count)}


def stop_in_the_middle(box: LetterBox, process: subprocess.Popen[str], sign: int) -> set[str]:
    """Send a signal when some events are published; return their ids, and wait for the end."""
    published: set[str] = set()

    def has_some() -> bool:
        published.update(published_ids(box, 4))
        return len(published) >= 4

    assert until(has_some)
    process.send_signal(sign)
    return published


def test_a_killed_process_loses_nothing(box: LetterBox) -> None:
    """SIGKILL. The messages that it had come back when their leases end."""
    process = start(box)
    published = stop_in_the_middle(box, process, signal.SIGKILL)
    process.communicate()

    assert process.returncode == -signal.SIGKILL
    assert len(published) < COUNT

    box.expire_leases()

    def is_empty() -> bool:
        ran = box.run("rejected", "redrive", "--all", "--json")
        assert ran.status == 0, ran.err
        return box.left("rejected") == []

    assert until(is_empty)
    number = 0
    while len(published) < COUNT:
        number += 1
        assert number <= 2 * COUNT
        published |= published_ids(box, number)


def test_an_interrupted_process_releases_the_rest_at_once(box: LetterBox) -> None:
    """Ctrl-C: it prints its numbers, records them, and ends with status 1."""
    process = start(box)
    stop_in_the_middle(box, process, signal.SIGINT)
    out, err = process.communicate()

    assert process.returncode == 1, err
    result = json.loads(out)
    assert result["error"] == "Interrupted."
    assert result["selected"] == COUNT == result["acknowledged"] + result["left"]
    assert 0 < result["acknowledged"] < COUNT
    assert len(box.left("rejected")) == result["left"]
    assert box.records()[0]["outcome"]["acknowledged"] == result["acknowledged"]
