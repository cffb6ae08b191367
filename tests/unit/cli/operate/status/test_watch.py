"""`status --watch`: it refreshes until Ctrl-C."""

import time

import pytest

from tests.support.status_facts import HEALTHY
from videovector_bridge.cli.operate.status.command import _watch
from videovector_bridge.watch.status.assessment import assess
from videovector_bridge.watch.status.facts import Facts
from videovector_bridge.watch.status.line import Line


@pytest.mark.parametrize("is_terminal", [False, True])
def test_it_refreshes_until_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, is_terminal: bool
) -> None:
    """A block for each refresh; in place on a terminal. Between two it waits."""
    monkeypatch.setenv("FORCE_COLOR" if is_terminal else "NO_COLOR", "1")
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)

    def read() -> tuple[Facts, list[Line]]:
        if len(waits) == 2:
            raise KeyboardInterrupt
        return HEALTHY, assess(HEALTHY)

    _watch("project p", read, 7.0)

    out = capsys.readouterr().out
    assert out.count("project p at 2026-11-27T03:00:00+00:00") >= (1 if is_terminal else 2)
    assert waits == [7.0, 7.0]
    assert ("\x1b[" in out) is is_terminal
