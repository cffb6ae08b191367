"""The scenario of `make run`: its end after an interrupt, and the killed window."""

import math
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local.oracle.progress import Progress
from infra.local.scenario.scenario import StandInRun


class WaitingControl:
    """A stand-in's controls; a call from another thread lasts until the run is interrupted.

    Then the call waits whether the run returns first, which it must not do.
    """

    def __init__(self) -> None:
        self.called = threading.Event()
        self.returned = threading.Event()
        self.interrupted = threading.Event()
        self.calls = 0
        self.outlived_run = False

    def journal(self, *, ids: bool = True) -> dict[str, Any]:
        """A journal with an active run."""
        if threading.current_thread() is not threading.main_thread():
            self.calls += 1
            self.called.set()
            self.interrupted.wait(30)
            self.outlived_run = self.returned.wait(0.3)
        return {"runs_active": 1, "event_ids": [], "markers": []} if ids else {"runs_active": 1}

    def webhooks(self) -> dict[str, Any]:
        """No delivery."""
        return {}


def test_an_interrupted_run_waits_for_its_last_call_of_the_stand_in() -> None:
    """The caller closes the stand-in next, so a run returns after its last call has ended."""
    control: Any = WaitingControl()
    stack: Any = SimpleNamespace(
        configuration=SimpleNamespace(drain=SimpleNamespace(streams={})), crash_report=lambda: ""
    )
    observer: Any = SimpleNamespace(take_snapshot=lambda *_, **__: None)
    run = StandInRun(stack, Progress(windows=1), observer, control)
    control.interrupted = run.stopped
    before = set(threading.enumerate())

    def interrupt(_: object) -> None:
        assert control.called.wait(30)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.watch(interrupt)
    control.returned.set()
    for thread in set(threading.enumerate()) - before:
        thread.join()

    assert not control.outlived_run
    assert control.calls == 1


class Batches:
    """Controls, observer and `drain` of runs that end before an open window is observed.

    Only from batch `observed_in` on, a window is still open when its messages are read.
    """

    def __init__(self, observed_in: int) -> None:
        self.progress = Progress(windows=1)
        self.started = 0
        self.kills = 0
        self._observed_in = observed_in

    def journal(self, *, ids: bool = True) -> dict[str, Any]:
        """No run is active: each ends at once."""
        return {"runs_active": 0, "event_ids": [], "markers": []} if ids else {"runs_active": 0}

    def runs(self, *_: object, **__: object) -> None:
        """Start a batch."""
        self.started += 1

    def read_events(self) -> None:
        """Read the messages of the batch, in an open window or after its end."""
        names = [f"{self.started}-{number}" for number in range(40)]
        self.progress.events.update(dict.fromkeys(names, 1))
        if self.started < self._observed_in:
            self.progress.windows += 1
            self.progress.published_by_ended = self.progress.messages

    def kill(self) -> None:
        """Kill `drain` and the open window."""
        self.kills += 1
        self.progress.cut_windows += 1

    def start(self) -> None:
        """Restart `drain`."""


@pytest.mark.parametrize("observed_in", [1, 2, 4])
def test_a_batch_that_ends_before_a_window_is_killed_is_followed_by_another(
    observed_in: int,
) -> None:
    """So a window is killed on a slow machine too."""
    batches = Batches(observed_in)
    fake: Any = batches
    stack: Any = SimpleNamespace(
        configuration=SimpleNamespace(drain=SimpleNamespace(streams={})), drain=batches
    )
    run = StandInRun(stack, batches.progress, fake, fake)

    run.kill_a_window(math.inf)

    assert (batches.started, batches.kills, run.killed_windows) == (observed_in, 1, 1)
