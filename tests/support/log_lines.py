"""The lines that a function has logged, from the captured standard output."""

from typing import Any

import orjson
import pytest


def log_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the lines logged since the last call. Each is JSON, and no traceback is printed."""
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return [orjson.loads(line) for line in out.splitlines()]


def only_log_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the one line logged since the last call."""
    (line,) = log_lines(capsys)
    return line
