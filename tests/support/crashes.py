"""Every way in which windows of a short history can die, one after another.

A process that is killed leaves the world as it is: so a window that runs to its end passes through
every world that its death could leave, one at each step. A step is a callback of the event loop
(each await of each task), or a moment before, during or after a call of a port. The windows that
follow depend on the world alone; where many deaths leave the same world, they run once.
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
from tests.support.crash_world import STARTS_AT, World
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
    """Small messages and parts, and ids that are the same at every run."""

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
    """Gives ids that are the same at every run; a message is acknowledged when the loop knows."""

    def __init__(self, process: Process) -> None:
        super().__init__(
            process.world, step=lambda: process.step("await"), jobs=process.semantics.jobs
        )
        self._process = process
        self._ids = 0

    def learn(self) -> Callable[[], None]:
        """Acknowledge what the job has published."""
        pieces, self._process.learned = self._process.learned, set()
        return lambda: self._process.world.acknowledge(pieces)

    def next_id(self) -> uuid.UUID:
        self._ids += 1
        return uuid.UUID(int=self._process.number * 1_000 + self._ids)


def run_window(
    world: World,
    semantics: Semantics,
    *,
    step: Step = nothing,
    fault: Fault | None = None,
    starts_at: float | None = None,
    backend: Backend | None = None,
) -> tuple[WindowReport, Process]:
    """Run the next window of a world, or of a `backend`. Raises `Died` if `step` does."""
    world.windows += 1
    world.version += 1
    world.now = starts_at or STARTS_AT + world.windows * _EVERY_SECONDS
    history = world.history
    process = Process(world, semantics, world.windows, step=step, fault=fault)
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
    """A world that a death leaves, and after how many steps in a row it does so."""

    world: World
    steps: int = 1


class Watch:
    """The steps of a window, and the worlds that it passes through."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._version = -1
        self.names: list[str] = []
        self.moments: list[Moment] = []

    def __call__(self, name: str) -> None:
        """Note a step."""
        self.names.append(name)
        if self._version == self._world.version:
            self.moments[-1].steps += 1
            return
        self._version = self._world.version
        left = self._world.copy()
        left.path += (f"window {left.windows} dies at step {len(self.names)}, {name}",)
        self.moments.append(Moment(left))

    @property
    def worlds(self) -> list[World]:
        """The world after a death at each step."""
        return [moment.world for moment in self.moments for _ in range(moment.steps)]


def check_resumed(world: World, report: WindowReport) -> None:
    """Check a world that a window has drained without trouble."""
    if report.outcome not in ("drained", "idle") or report.cursor_after != world.history.ids[-1]:
        world.note(world.windows, f"ends as {report.stop_reason}: {report.message}")
    if report.published + report.rejected != report.events:
        world.note(world.windows, f"counts wrongly: {report}")
    world.check_end()


class Resume:
    """Lets a window drain a world, and checks what comes of it; equal worlds once."""

    def __init__(self, semantics: Semantics) -> None:
        self._semantics = semantics
        self._seen: set[Hashable] = set()

    def __call__(self, left: World) -> None:
        """Resume. Raises `InvariantBroken`."""
        left.check()
        fingerprint = left.fingerprint()
        if fingerprint not in self._seen:
            self._seen.add(fingerprint)
            world = left.copy()
            report, _ = run_window(world, self._semantics)
            check_resumed(world, report)

    @property
    def worlds(self) -> int:
        """How many different worlds there were."""
        return len(self._seen)


def check_busy(world: World, semantics: Semantics) -> None:
    """A window that comes before the lease has ended leaves the world alone."""
    document = world.document
    if document is None or document.lease_left(world.now) <= 0:
        return
    before = document.revision
    report, process = run_window(world := world.copy(), semantics, starts_at=world.now)
    assert world.document is not None
    if (report.outcome, process.calls) != ("busy", ["read"]) or world.document.revision != before:
        world.note(world.windows, f"does not leave the lease alone: {report}")
    world.check()


@dataclass
class Found:
    """How many schedules were tried, by their number of deaths, and how many worlds they leave."""

    schedules: list[int] = field(default_factory=list)
    worlds: list[int] = field(default_factory=list)


def die(history: History, semantics: Semantics, times: int) -> Found:
    """Let up to so many windows die, each at every step; each time, let the next one resume.

    Raises `InvariantBroken`.
    """
    found = Found()
    level: dict[Hashable, Moment] = {0: Moment(World(history))}
    for deaths in range(times + 1):
        following: dict[Hashable, Moment] = {}
        for left in level.values():
            check_busy(left.world, semantics)
            world = left.world.copy()
            watch = Watch(world) if deaths < times else nothing
            report, _ = run_window(world, semantics, step=watch)
            check_resumed(world, report)
            for moment in watch.moments if isinstance(watch, Watch) else ():
                steps = left.steps * moment.steps
                known = following.setdefault(
                    moment.world.fingerprint(), Moment(moment.world, steps=0)
                )
                known.steps += steps
        found.schedules.append(sum(left.steps for left in level.values()))
        found.worlds.append(len(level))
        level = following
    return found


def really_die(history: History, semantics: Semantics, at: int) -> World | None:
    """The world after a window was stopped at a step; None if it ended before that step.

    The tasks of the window are cancelled then, and their handlers reach nothing any more.
    """
    world = World(history)
    steps = 0
    left: World | None = None

    def step(_name: str) -> None:
        nonlocal steps, left
        steps += 1
        if steps >= at:
            left = left or world.copy()
            raise Died

    with suppress(Died):
        run_window(world, semantics, step=step)
    if left is not None and world.fingerprint() != left.fingerprint():
        world.note(world.windows, "does something after its death")
    world.check()
    return left


@dataclass
class Wrongs:
    """How many schedules with one call that goes wrong were tried; `deaths`: and a death later."""

    alone: int = 0
    deaths: int = 0
    worlds: int = 0


def go_wrong(history: History, semantics: Semantics) -> Wrongs:
    """Let each call of a window go wrong in each way; let it live on, or die at any step after.

    Raises `InvariantBroken`.
    """
    wrongs = Wrongs()
    resume = Resume(semantics)
    _, undisturbed = run_window(World(history), semantics)
    for number, call in enumerate(undisturbed.calls, 1):
        for kind in semantics.faults[call]:
            world = World(history)
            world.path = (f"call {number} ({call}) is {kind}",)
            watch = Watch(world)
            run_window(world, semantics, step=watch, fault=(number, kind))
            resume(world)
            at = watch.names.index(f"during call {number} ({call})")
            for left in watch.worlds[at:]:
                resume(left)
            wrongs.alone += 1
            wrongs.deaths += len(watch.names) - at
    wrongs.worlds = resume.worlds
    return wrongs
