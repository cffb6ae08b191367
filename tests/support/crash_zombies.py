"""Windows that stand still, lose their lease to another window, and go on."""

import threading
from dataclasses import dataclass

from tests.support.crash_history import History
from tests.support.crash_ports import Semantics
from tests.support.crash_world import World
from tests.support.crashes import LEASE_SECONDS, Resume, Watch, run_window
from tests.support.step_loop import Died

_LONG_SECONDS = 60.0  # more than any wait of this machine, so that a fault cannot hang the tests


class _Overlap:
    """Two windows, of which one runs at a time: the second while the first stands still."""

    def __init__(
        self,
        world: World,
        semantics: Semantics,
        first_stops_at: int,
        second_stops_at: int | None,
        *,
        second_dies: bool = False,
    ) -> None:
        self._world = world
        self._semantics = semantics
        self._first_stops_at = first_stops_at
        self._second_stops_at = second_stops_at
        self._second_dies = second_dies
        self._steps = 0
        self._second = threading.Thread(target=self._run_second, daemon=True)
        self._to_first = threading.Semaphore(0)
        self._to_second = threading.Semaphore(0)
        self._failure: BaseException | None = None
        self.names: list[str] = []
        """The steps of the second window."""

    def run(self) -> None:
        """Run both to their ends."""
        run_window(self._world, self._semantics, step=self._step_of_first)
        self._to_second.release()
        self._second.join(_LONG_SECONDS)
        if self._failure is not None:
            raise self._failure

    def _step_of_first(self, name: str) -> None:
        self._steps += 1
        if self._steps == self._first_stops_at:
            self._world.path += (f"window 1 stands still at step {self._steps}, {name}",)
            self._second.start()
            assert self._to_first.acquire(timeout=_LONG_SECONDS)

    def _run_second(self) -> None:
        try:
            starts_at = self._world.now + LEASE_SECONDS + 0.1
            run_window(self._world, self._semantics, step=self._step_of_second, starts_at=starts_at)
        except Died:
            pass
        except BaseException as error:  # noqa: BLE001  # raised again by `run`
            self._failure = error
        finally:
            self._to_first.release()

    def _step_of_second(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) != self._second_stops_at:
            return
        if self._second_dies:
            self._world.path += (f"and goes on when window 2 has died at {name}",)
            raise Died
        self._world.path += (f"and goes on at step {len(self.names)} of window 2, {name}",)
        self._to_first.release()
        assert self._to_second.acquire(timeout=_LONG_SECONDS)


@dataclass
class Overlaps:
    """How many schedules of two windows were tried.

    `whole`: the first stands still at one of its steps until the second has ended. `mixed`: it
    stands still during a call, and goes on during a call of the second. `dying`: or after the
    second has died there.
    """

    steps: list[str]
    whole: int = 0
    mixed: int = 0
    dying: int = 0


def stand_still(history: History, semantics: Semantics, *, mixed: bool = True) -> Overlaps:
    """Let a window stand still at each step until another one took its lease; then let it go on.

    With `mixed`, and if that is during a call, let it go on during each call of the other window
    too, which then either goes on or dies: so the late call reaches the world between any two
    calls of the other.
    Raises `InvariantBroken`.
    """
    watch = Watch(world := World(history))
    run_window(world, semantics, step=watch)
    overlaps = Overlaps(watch.names)
    resume = Resume(semantics)
    for step, name in enumerate(watch.names, 1):
        world = World(history)
        overlap = _Overlap(world, semantics, step, None)
        overlap.run()
        resume(world)
        overlaps.whole += 1
        if not (mixed and name.startswith("during")):
            continue
        for other, other_name in enumerate(overlap.names, 1):
            if not other_name.startswith("during"):
                continue
            for dies in (False, True):
                world = World(history)
                _Overlap(world, semantics, step, other, second_dies=dies).run()
                resume(world)
            overlaps.mixed += 1
            overlaps.dying += 1
    return overlaps
