"""The scenario of `make run`: what is left of it when it is ended half-way."""

import math
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local.oracle.progress import Progress
from infra.local.scenario.scenario import _StandInRun


class AskedControl:
    """A stand-in's controls whose runs never end; it knows which threads have asked it."""

    def __init__(self) -> None:
        self.asked_by_another = threading.Event()

    def journal(self, *, ids: bool = True) -> dict[str, Any]:
        """A journal with a run under way."""
        if threading.current_thread() is not threading.main_thread():
            self.asked_by_another.set()
        return {"runs_active": 1, "event_ids": [], "markers": []} if ids else {"runs_active": 1}

    def webhooks(self) -> dict[str, Any]:
        """Nothing was told."""
        return {}


def test_nothing_asks_the_standin_once_a_run_was_interrupted() -> None:
    """The stand-in and its client are closed next, so whatever asks them has ended by then."""
    control = AskedControl()
    stack: Any = SimpleNamespace(
        configuration=SimpleNamespace(drain=SimpleNamespace(streams={})), trouble=lambda: ""
    )
    observer: Any = SimpleNamespace(look=lambda *_, **__: None)
    there: Any = control
    run = _StandInRun(stack, Progress(windows=1), observer, there)
    before = set(threading.enumerate())

    def interrupt(_: object) -> None:
        assert control.asked_by_another.wait(10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.watch(interrupt)

    assert set(threading.enumerate()) == before


class Batches:
    """Controls, observer and drain of runs whose windows are seen only from a batch `seen_in` on.

    Of an earlier batch everything is published by the time that anything is seen of it.
    """

    def __init__(self, seen_in: int) -> None:
        self.progress = Progress(windows=1)
        self.started = 0
        self.kills = 0
        self._seen_in = seen_in

    def journal(self, *, ids: bool = True) -> dict[str, Any]:
        """No run is under way: each has ended at once."""
        return {"runs_active": 0, "event_ids": [], "markers": []} if ids else {"runs_active": 0}

    def runs(self, *_: object, **__: object) -> None:
        """Start a batch."""
        self.started += 1

    def look_at_events(self) -> None:
        """See the batch: half of it in a window that is under way, or all of it in its end."""
        names = [f"{self.started}-{number}" for number in range(40)]
        self.progress.events.update(dict.fromkeys(names, 1))
        if self.started < self._seen_in:
            self.progress.windows += 1
            self.progress.published_by_ended = self.progress.messages

    def kill(self) -> None:
        """Kill drain and with it the window."""
        self.kills += 1
        self.progress.cut_windows += 1

    def start(self) -> None:
        """Start drain again."""


@pytest.mark.parametrize("seen_in", [1, 2, 4])
def test_a_batch_that_is_over_before_it_is_seen_is_followed_by_another(seen_in: int) -> None:
    """Then a window is killed on a slow machine, too."""
    batches = Batches(seen_in)
    each: Any = batches
    stack: Any = SimpleNamespace(
        configuration=SimpleNamespace(drain=SimpleNamespace(streams={})), drain=batches
    )
    run = _StandInRun(stack, batches.progress, each, each)

    run._kill_a_window(math.inf)

    assert (batches.started, batches.kills, run._killed_windows) == (seen_in, 1, 1)
