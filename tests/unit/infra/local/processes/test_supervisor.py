"""The backoff of the supervisor between restarts."""

import itertools
from pathlib import Path
from typing import cast

import pytest

from infra.local.processes.functions import Function
from infra.local.processes.supervisor import Supervisor


class EndingFunction:
    """A function that has ended whenever it is checked."""

    name = "ending"
    log = Path("ending.log")

    def __init__(self) -> None:
        self.restarts = 0

    def restart_if_ended(self) -> str:
        """Restart it; it ends again at once."""
        self.restarts += 1
        return "no luck"


def test_a_function_that_keeps_ending_is_restarted_with_backoff() -> None:
    """The backoff doubles up to 30 seconds, and starts from the beginning after a long run."""
    ending, now = EndingFunction(), 0.0
    sentences: list[str] = []
    function = cast("Function", ending)
    supervisor = Supervisor([function], sentences.append, clock=lambda: now)
    restarted_at = []
    for tenth in range(2_000):
        before, now = ending.restarts, 1_000 + tenth / 10
        supervisor.check()
        if ending.restarts > before:
            restarted_at.append(tenth / 10)
    backoff = [later - earlier for earlier, later in itertools.pairwise(restarted_at)]

    assert backoff[:4] == pytest.approx([0.5, 1, 2, 4], abs=0.11)
    assert max(backoff) == pytest.approx(30, abs=0.11)
    before = ending.restarts
    for now in (2_000, 2_000.6):  # noqa: B007  # the clock reads it
        supervisor.check()
    assert ending.restarts == before + 2
    assert set(sentences) == {
        "Function ending ended by itself (no luck); it was restarted. Its log: ending.log"
    }
