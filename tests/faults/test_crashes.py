"""Invariants 1 to 6 after one or two deaths at any step, with the semantics of either backend.

A schedule says at which step each window dies or pauses, or which of its calls fails. All schedules
of a short history are tried; their number is in the summary of the test run.
"""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.support.crash_history import HISTORIES, History
from tests.support.crash_ports import SEMANTICS, Semantics
from tests.support.crash_rewinds import rewind_each_step
from tests.support.crash_state import State
from tests.support.crash_zombies import pause_each_step
from tests.support.crashes import (
    Watch,
    fail_each_call,
    kill_at,
    kill_each_step,
    run_window,
    small_windows,
)
from tests.support.watched_ports import WatchedTopics, watched
from tests.support.windows import document
from videovector_bridge.backends import Backend

# The limit is the number of schedules, so a busy machine may need much longer.
pytestmark = pytest.mark.timeout(900)

Record = Callable[[str, object], None]


@pytest.fixture(autouse=True)
def _small_windows() -> Iterator[None]:
    with small_windows():
        yield


@pytest.fixture(params=HISTORIES, ids=lambda history: history.name)
def history(request: pytest.FixtureRequest) -> History:
    """Each history in turn."""
    chosen = request.param
    assert isinstance(chosen, History)
    return chosen


@pytest.fixture(params=SEMANTICS, ids=lambda semantics: semantics.name)
def semantics(request: pytest.FixtureRequest) -> Semantics:
    """Each backend's semantics in turn."""
    chosen = request.param
    assert isinstance(chosen, Semantics)
    return chosen


def test_a_window_may_die_at_any_step_and_so_may_the_next(
    history: History, semantics: Semantics, record_property: Record
) -> None:
    """Once and twice, at every step: the window that resumes loses nothing.

    Before the lease of the dead window has ended, another one leaves the state alone.
    """
    watch = Watch(state := State(history))
    run_window(state, semantics, step=watch)
    tried = kill_each_step(history, semantics, times=2)

    # All of them: a death at each step of the first window, and each of those with a death at each
    # step of the second.
    second_steps = [moment.steps * _steps(moment.state, semantics) for moment in watch.moments]
    assert tried.schedules == [1, len(watch.names), sum(second_steps)]
    record_property(
        "summary",
        f"{history.name}, {semantics.name}: {tried.schedules[1]:,} deaths of one window, "
        f"{tried.schedules[2]:,} of two in a row, which leave {tried.states[2]:,} different states",
    )


def _steps(left: State, semantics: Semantics) -> int:
    watch = Watch(state := left.copy())
    run_window(state, semantics, step=watch)
    return len(watch.names)


def test_a_dead_process_changes_nothing(history: History, semantics: Semantics) -> None:
    """As the schedules assume, a window that is really killed changes nothing afterwards."""
    watch = Watch(state := State(history))
    run_window(state, semantics, step=watch)
    expected = [left.fingerprint() for left in watch.states]
    for at in count(1):
        left = kill_at(history, semantics, at)
        if left is None:
            break
        assert left.fingerprint() == expected[at - 1]

    assert at - 1 == len(expected)


def test_any_call_may_fail_and_the_window_die_later(
    history: History, semantics: Semantics, record_property: Record
) -> None:
    """Refused, done in part, done twice, or done with the response lost: no event is lost.

    So too if the window dies at any step after that.
    """
    failures = fail_each_call(history, semantics)

    assert failures.alone >= 7
    record_property(
        "summary",
        f"{history.name}, {semantics.name}: {failures.alone:,} calls that fail, "
        f"{failures.deaths:,} with a death later",
    )


def test_a_paused_window_does_no_harm_later(
    history: History, semantics: Semantics, record_property: Record
) -> None:
    """Another window takes its lease over; it publishes nothing after that and moves no cursor."""
    # Without a bucket the mixed schedules test nothing more, and they double the time.
    overlaps = pause_each_step(history, semantics, mixed=history.bucket)

    assert overlaps.whole == len(overlaps.steps)
    assert overlaps.mixed == overlaps.dying
    assert (overlaps.mixed > 50) == history.bucket
    record_property(
        "summary",
        f"{history.name}, {semantics.name}: {overlaps.whole:,} paused windows, "
        f"{overlaps.mixed:,} that continue between the calls of another, "
        f"{overlaps.dying:,} after its death there",
    )


@pytest.mark.parametrize("history", HISTORIES[:2], ids=lambda history: history.name)
def test_a_rewind_at_any_step_of_a_window_wins(
    history: History, semantics: Semantics, record_property: Record
) -> None:
    """It is refused while the window has its lease; later, the window moves no cursor any more."""
    rewinds = rewind_each_step(history, semantics)

    assert rewinds.refused > 50
    assert rewinds.steps > rewinds.refused
    record_property(
        "summary",
        f"{history.name}, {semantics.name}: {rewinds.steps:,} rewinds, {rewinds.refused:,} of them "
        f"refused at first",
    )


def test_every_call_of_a_port_has_steps_before_and_after_it(
    history: History, semantics: Semantics
) -> None:
    """Each call has three named steps, with awaits between them."""
    watch = Watch(state := State(history))
    _, process = run_window(state, semantics, step=watch)

    assert {"read", "write", "publish"} <= set(process.calls)
    for number, call in enumerate(process.calls, 1):
        for moment in ("before", "during", "after"):
            assert watch.names.count(f"{moment} call {number} ({call})") == 1
    assert watch.names.count("await") > 2 * len(process.calls)


@pytest.mark.parametrize("history", HISTORIES[:1], ids=lambda history: history.name)
def test_the_embedded_backend_gets_the_same_messages(
    history: History, embedded_backend: Backend
) -> None:
    """The ports of these tests and real ones lead a window to the same messages and cursor."""
    state = State(history)
    report, _ = run_window(state, SEMANTICS[0])
    topics = WatchedTopics(embedded_backend.topics)
    again, _ = run_window(State(history), SEMANTICS[0], backend=watched(embedded_backend, topics))
    ids = [(name, m.attributes.get("ce-id", "evt-0004")) for name, m in topics.stored]

    assert ids == [(topic, id_) for _, topic, (id_, _) in state.log]
    assert again == report
    assert document(embedded_backend) == (state.document and state.document.fields)
