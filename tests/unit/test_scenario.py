"""The scenario of `make run`: what is left of it when it is ended half-way."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from infra.local.progress import Progress
from infra.local.scenario import _StandInRun


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
