"""Kill `reconcile` before and after each of its calls, and start another run at each."""

import copy

import pytest

from tests.support.followed_work import EVERY, START, Followed, Vendor, work_message
from tests.support.memory_ports import MemoryPorts
from tests.support.step_loop import Died
from videovector_bridge.work import RECONCILED

EXPECTED = [
    "processing.run_completed",
    "processing.video_completed",
    "prompt_run.completed",
]
_MOST_STEPS = 1_000


def lost() -> Followed:
    """A run, announced on both channels, and one of its videos end without an event."""
    followed = Followed(MemoryPorts(), Vendor())
    followed.add(
        work_message("processing.run_started", START),
        work_message("prompt_run.started", START),
        work_message("processing.video_started", START, video_id="v1"),
        work_message("processing.video_started", START, video_id="v2"),
        work_message("processing.video_completed", START, video_id="v2"),
    )
    followed.vendor.run("r1", "completed", "v1", "v2")
    return followed


def state(followed: Followed) -> Followed:
    """Return a copy of everything that a killed process leaves."""
    left = Followed(MemoryPorts(), followed.vendor, now=followed.now)
    left.ports.documents = copy.deepcopy(followed.ports.documents)
    left.ports.published = [*followed.ports.published]
    left.ports.waiting = dict(followed.ports.waiting)
    left.ports._numbers = copy.copy(followed.ports._numbers)
    return left


def check(followed: Followed) -> None:
    """Run until all is repaired: each missing end has one id, and no other end has one."""
    for _ in range(4):
        followed.run()
    ids = {message.attributes["ce-id"] for message in followed.repairs}
    assert sorted(followed.types) == EXPECTED
    assert len(ids) == len(EXPECTED)
    assert followed.ports.fields("open") == {}
    assert not followed.ports.waiting
    assert all(each.attributes["ce-channel"] == RECONCILED for each in followed.repairs)


@pytest.mark.parametrize("before", range(3), ids=["follow", "find", "repair"])
def test_a_killed_run_is_continued_by_the_next(before: int) -> None:
    """At every call, in the run that follows messages, that finds, and that publishes."""
    ready = lost()
    for _ in range(before):
        ready.run()
    deaths = 0
    for at in range(1, _MOST_STEPS):
        followed = state(ready)
        steps = 0

        def step(_name: str, at: int = at) -> None:
            nonlocal steps
            steps += 1
            if steps >= at:
                raise Died

        followed.ports.step = step
        try:
            followed.run()
        except Died:
            deaths += 1
        else:
            break
        check(state(followed))

    assert deaths > 5
    assert deaths < _MOST_STEPS - 2


@pytest.mark.parametrize("order", ["start first", "end first"])
def test_a_start_and_its_end_in_two_runs_at_once(order: str) -> None:
    """Each run has one of the two messages, and the other run runs whole at any call of it."""
    start = work_message("processing.run_started", START)
    end = work_message("processing.run_completed", START + EVERY)
    first, second = (start, end) if order == "start first" else (end, start)
    for at in range(2, 60):
        followed = Followed(MemoryPorts(), Vendor())
        followed.add(first)
        steps = 0

        def step(_name: str, at: int = at, followed: Followed = followed) -> None:
            nonlocal steps
            steps += 1
            # From the second step on, its own message is leased: the other run does not get it.
            if steps == at:
                followed.ports.step = lambda _name: None
                followed.add(second)
                leased = {*followed.ports._leased}
                followed.run(seconds=0)
                followed.ports._leased |= leased

        followed.ports.step = step
        followed.run()
        if steps < at:
            assert at > 5
            return
        followed.run()

        assert followed.ports.fields("open") == {}, at
    pytest.fail("the run has more calls")
