"""Kill windows of a short history at every step, one after another.

A killed process leaves the state as it is. So one window that runs to its end passes through every
state that its death could leave, one at each step. A step is a callback of the event loop (each
await of each task), or a moment before, during or after a call of a port. The following windows
depend on the state alone, so they run once for each different state.
"""

import uuid
from asyncio import events
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from unittest.mock import patch

from tests.support.crash_history import (
    FRAME_BYTES,
    LANES,
    MESSAGE_BYTES,
    PART_BYTES,
    History,
    Source,
)
from tests.support.crash_ports import Fault, Process, Semantics
from tests.support.crash_state import STARTS_AT, State
from tests.support.step_loop import Died, StepLoop, nothing
from tests.support.windows import NOW, make_settings, only_stream
from videovector_bridge.backends.ports import Backend
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.stages import Tuning
from videovector_bridge.ingest.window import drain_window

LEASE_SECONDS = 5.0
_WINDOW_SECONDS = 100.0
_EVERY_SECONDS = 200.0  # a window begins, long after the lease of the one before
_SETTINGS = make_settings({"default": {}}, START_FROM="earliest")
_INGEST = "videovector_bridge.ingest"
_TUNING = Tuning(batch_events=2, commit_seconds=0.05, random=lambda: 0.0)

Step = Callable[[str], None]


@contextmanager
def small_windows() -> Iterator[None]:
    """Use small messages and parts, and the same ids in every run."""

    def next_id() -> uuid.UUID:
        loop = events._get_running_loop()
        assert isinstance(loop, _WindowLoop)
        return loop.next_id()

    with (
        patch("videovector_bridge.api.frames.PART_BYTES", PART_BYTES),
        patch("videovector_bridge.messages.MAX_DATA_BYTES", MESSAGE_BYTES),
        patch(f"{_INGEST}.batcher.MAX_DATA_BYTES", MESSAGE_BYTES),
        patch(f"{_INGEST}.publisher.MAX_DATA_BYTES", MESSAGE_BYTES),
        patch.object(uuid, "uuid4", next_id),
    ):
        yield


class _WindowLoop(StepLoop):
    """Generates the same ids in every run; acknowledges a message when the loop has the result."""

    def __init__(self, process: Process) -> None:
        super().__init__(
            process.state, step=lambda: process.step("await"), jobs=process.semantics.jobs
        )
        self._process = process
        self._ids = 0

    def learn(self) -> Callable[[], None]:
        """Return a function that acknowledges the pieces that the job has published."""
        pieces, self._process.learned = self._process.learned, set()
        return lambda: self._process.state.acknowledge(pieces)

    def next_id(self) -> uuid.UUID:
        self._ids += 1
        return uuid.UUID(int=self._process.number * 1_000 + self._ids)


def run_window(
    state: State,
    semantics: Semantics,
    *,
    step: Step = nothing,
    fault: Fault | None = None,
    starts_at: float | None = None,
    backend: Backend | None = None,
) -> tuple[WindowReport, Process]:
    """Run the next window of a state, or of a `backend`. Raises `Died` if `step` does."""
    state.windows += 1
    state.version += 1
    state.now = starts_at or STARTS_AT + state.windows * _EVERY_SECONDS
    history = state.history
    process = Process(state, semantics, state.windows, step=step, fault=fault)
    stream = only_stream(
        _SETTINGS,
        lanes=LANES,
        linger_ms=15,
        max_frame_bytes=FRAME_BYTES,
        window_seconds=_WINDOW_SECONDS,
        lease_seconds=LEASE_SECONDS,
        cursor_policy=history.policy,
    )
    report = _WindowLoop(process).run(
        drain_window(
            _SETTINGS,
            stream,
            backend or process.backend(),
            transport=Source(history),
            now=lambda: NOW,
            tuning=_TUNING,
        )
    )
    return report, process


@dataclass
class Moment:
    """A state that a death leaves, and the number of consecutive steps that leave it."""

    state: State
    steps: int = 1


class Watch:
    """Records the steps of a window, and the state at each."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._version = -1
        self.names: list[str] = []
        self.moments: list[Moment] = []

    def __call__(self, name: str) -> None:
        """Record a step."""
        self.names.append(name)
        if self._version == self._state.version:
            self.moments[-1].steps += 1
            return
        self._version = self._state.version
        left = self._state.copy()
        left.path += (f"window {left.windows} dies at step {len(self.names)}, {name}",)
        self.moments.append(Moment(left))

    @property
    def states(self) -> list[State]:
        """The state after a death at each step."""
        return [moment.state for moment in self.moments for _ in range(moment.steps)]


def check_resumed(state: State, report: WindowReport) -> None:
    """Check a state after a window has drained it without a fault."""
    if report.outcome not in ("drained", "idle") or report.cursor_after != state.history.ids[-1]:
        state.note(state.windows, f"ends with {report.stop_reason}: {report.message}")
    if report.published + report.rejected != report.events:
        state.note(state.windows, f"counts wrongly: {report}")
    state.check_end()


class Resume:
    """Drains a state in a window, and checks the result; equal states only once."""

    def __init__(self, semantics: Semantics) -> None:
        self._semantics = semantics
        self._visited: set[Hashable] = set()

    def __call__(self, left: State) -> None:
        """Resume. Raises `InvariantBroken`."""
        left.check()
        fingerprint = left.fingerprint()
        if fingerprint not in self._visited:
            self._visited.add(fingerprint)
            state = left.copy()
            report, _ = run_window(state, self._semantics)
            check_resumed(state, report)

    @property
    def states(self) -> int:
        """How many different states it has drained."""
        return len(self._visited)


def check_busy(state: State, semantics: Semantics) -> None:
    """Check that a window that starts before the lease has ended changes nothing."""
    document = state.document
    if document is None or document.lease_left(state.now) <= 0:
        return
    before = document.revision
    report, process = run_window(state := state.copy(), semantics, starts_at=state.now)
    assert state.document is not None
    if (report.outcome, process.calls) != ("busy", ["read"]) or state.document.revision != before:
        state.note(state.windows, f"changes the lease of another window: {report}")
    state.check()


@dataclass
class Tried:
    """The numbers of schedules by their number of deaths, and of the states that they leave."""

    schedules: list[int] = field(default_factory=list)
    states: list[int] = field(default_factory=list)


def kill_each_step(history: History, semantics: Semantics, times: int) -> Tried:
    """Kill up to `times` windows, each at every step. Each time, let the next window resume.

    Raises `InvariantBroken`.
    """
    tried = Tried()
    level: dict[Hashable, Moment] = {0: Moment(State(history))}
    for deaths in range(times + 1):
        following: dict[Hashable, Moment] = {}
        for left in level.values():
            check_busy(left.state, semantics)
            state = left.state.copy()
            watch = Watch(state) if deaths < times else nothing
            report, _ = run_window(state, semantics, step=watch)
            check_resumed(state, report)
            for moment in watch.moments if isinstance(watch, Watch) else ():
                steps = left.steps * moment.steps
                known = following.setdefault(
                    moment.state.fingerprint(), Moment(moment.state, steps=0)
                )
                known.steps += steps
        tried.schedules.append(sum(left.steps for left in level.values()))
        tried.states.append(len(level))
        level = following
    return tried


def kill_at(history: History, semantics: Semantics, at: int) -> State | None:
    """Return the state after a window was killed at a step; None if it ended before that step.

    The tasks of the window are then cancelled, and their handlers reach nothing.
    """
    state = State(history)
    steps = 0
    left: State | None = None

    def step(_name: str) -> None:
        nonlocal steps, left
        steps += 1
        if steps >= at:
            left = left or state.copy()
            raise Died

    with suppress(Died):
        run_window(state, semantics, step=step)
    if left is not None and state.fingerprint() != left.fingerprint():
        state.note(state.windows, "changes the state after its death")
    state.check()
    return left


@dataclass
class Failures:
    """The numbers of schedules with one failing call; `deaths`: with a later death."""

    alone: int = 0
    deaths: int = 0
    states: int = 0


def fail_each_call(history: History, semantics: Semantics) -> Failures:
    """Let each call of a window fail in each way; let the window live, or die at any later step.

    Raises `InvariantBroken`.
    """
    failures = Failures()
    resume = Resume(semantics)
    _, undisturbed = run_window(State(history), semantics)
    for number, call in enumerate(undisturbed.calls, 1):
        for kind in semantics.faults[call]:
            state = State(history)
            state.path = (f"call {number} ({call}) is {kind}",)
            watch = Watch(state)
            run_window(state, semantics, step=watch, fault=(number, kind))
            resume(state)
            at = watch.names.index(f"during call {number} ({call})")
            for left in watch.states[at:]:
                resume(left)
            failures.alone += 1
            failures.deaths += len(watch.names) - at
    failures.states = resume.states
    return failures
