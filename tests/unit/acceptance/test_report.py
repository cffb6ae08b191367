"""The table, the failures and the JSON of an acceptance run."""

import io
import json

import pytest
from rich.console import Console

from tests.acceptance.course import Outcome, Result
from tests.acceptance.report import (
    Summary,
    describe_progress,
    list_failures,
    make_table,
    to_json,
)

DEPLOYED = Result("life", "deploy", "It applies.", Outcome.OK, 61.25, "127 resources")
BROKEN = Result("life", "destroy", "It ends.", Outcome.FAILED, 9.0, failures=("a [b] is left",))
SKIPPED = Result("upgrade", "upgrade", "It upgrades.", Outcome.LEFT_OUT, detail="no history")


def test_progress_names_the_step_and_its_seconds() -> None:
    """On one line, with a few words of detail."""
    line = describe_progress(DEPLOYED)

    assert line.split() == ["life:", "deploy", "ok", "61.2", "s", "127", "resources"]


def test_each_failure_names_its_step() -> None:
    """Steps that succeeded have none."""
    assert list_failures([DEPLOYED, BROKEN]) == ["life: destroy: a [b] is left"]


def test_the_table_has_a_row_for_each_step() -> None:
    """The course is named once."""
    output = io.StringIO()
    summary = Summary("a fake", 70.0, (DEPLOYED, BROKEN, SKIPPED))
    Console(file=output, width=150).print(make_table(summary))

    text = output.getvalue()
    assert text.count("life") == 1
    for result in summary.results:
        assert result.step in text
        assert result.checked in text
        assert result.outcome in text


@pytest.mark.parametrize(
    ("results", "ok"),
    [
        ((DEPLOYED,), True),
        ((DEPLOYED, SKIPPED), True),
        ((DEPLOYED, BROKEN), False),
        ((SKIPPED,), False),
        ((), False),
    ],
)
def test_a_run_is_ok_if_something_ran_and_nothing_failed(
    results: tuple[Result, ...], *, ok: bool
) -> None:
    """A run that left out every step proves nothing."""
    assert Summary("a fake", 1.0, results).ok is ok


def test_the_json_has_every_step() -> None:
    """With what was left out, and plain values only."""
    summary = Summary("a fake", 70.0, (DEPLOYED, BROKEN), ("upgrade: no history",))

    content = json.loads(json.dumps(to_json(summary)))

    assert content["ok"] is False
    assert content["left_out"] == ["upgrade: no history"]
    assert content["steps"][1] == {
        "course": "life",
        "step": "destroy",
        "checked": "It ends.",
        "outcome": "failed",
        "seconds": 9.0,
        "detail": "",
        "failures": ["a [b] is left"],
    }
