"""Windows that pause, lose their lease to another window, and continue."""

import threading
from dataclasses import dataclass

from tests.support.crash_history import History
from tests.support.crash_ports import Semantics
from tests.support.crash_state import State
from tests.support.crashes import LEASE_SECONDS, Resume, Watch, run_window
from tests.support.step_loop import Died

_LONG_SECONDS = 60.0  # more than any wait of this machine, so that a fault cannot hang the tests


class _Overlap:
    """Two windows, of which one runs at a time: the second while the first is paused."""

    def __init__(
        self,
        state: State,
        semantics: Semantics,
        first_pauses_at: int,
        second_pauses_at: int | None,
        *,
        second_dies: bool = False,
    ) -> None:
        self._state = state
        self._semantics = semantics
        self._first_pauses_at = first_pauses_at
        self._second_pauses_at = second_pauses_at
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
        run_window(self._state, self._semantics, step=self._step_of_first)
        self._to_second.release()
        self._second.join(_LONG_SECONDS)
        if self._failure is not None:
            raise self._failure

    def _step_of_first(self, name: str) -> None:
        self._steps += 1
        if self._steps == self._first_pauses_at:
            self._state.path += (f"window 1 pauses at step {self._steps}, {name}",)
            self._second.start()
            assert self._to_first.acquire(timeout=_LONG_SECONDS)

    def _run_second(self) -> None:
        try:
            starts_at = self._state.now + LEASE_SECONDS + 0.1
            run_window(self._state, self._semantics, step=self._step_of_second, starts_at=starts_at)
        except Died:
            pass
        except BaseException as error:  # noqa: BLE001  # raised again by `run`
            self._failure = error
        finally:
            self._to_first.release()

    def _step_of_second(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) != self._second_pauses_at:
            return
        if self._second_dies:
            self._state.path += (f"and continues when window 2 has died at {name}",)
            raise Died
        self._state.path += (f"and continues at step {len(self.names)} of window 2, {name}",)
        self._to_first.release()
        assert self._to_second.acquire(timeout=_LONG_SECONDS)


@dataclass
class Overlaps:
    """How many schedules of two windows were tried.

    `whole`: the first pauses at one of its steps until the second has ended. `mixed`: it pauses
    during a call, and continues during a call of the second. `dying`: or after the second has died
    there.
    """

    steps: list[str]
    whole: int = 0
    mixed: int = 0
    dying: int = 0


def pause_each_step(history: History, semantics: Semantics, *, mixed: bool = True) -> Overlaps:
    """Pause a window at each step until another one has its lease; then let it continue.

    With `mixed`, and if that is during a call, let it also continue during each call of the other
    window, which then either continues or dies: so the late call reaches the state between any two
    calls of the other window.
    Raises `InvariantBroken`.
    """
    watch = Watch(state := State(history))
    run_window(state, semantics, step=watch)
    overlaps = Overlaps(watch.names)
    resume = Resume(semantics)
    for step, name in enumerate(watch.names, 1):
        state = State(history)
        overlap = _Overlap(state, semantics, step, None)
        overlap.run()
        resume(state)
        overlaps.whole += 1
        if not (mixed and name.startswith("during")):
            continue
        for other, other_name in enumerate(overlap.names, 1):
            if not other_name.startswith("during"):
                continue
            for dies in (False, True):
                state = State(history)
                _Overlap(state, semantics, step, other, second_dies=dies).run()
                resume(state)
            overlaps.mixed += 1
            overlaps.dying += 1
    return overlaps
