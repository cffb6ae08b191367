"""The tables fit 80 columns, however large the figures are."""

import io

import pytest
from rich.console import Console

from tests.bench.tables import WIDTH, list_tables, open_console
from tests.unit.bench.samples import NAMES, make_report


def render(width: int) -> str:
    """All tables of the sample, on a console of this width."""
    output = io.StringIO()
    console = Console(file=output, width=width)
    for table in list_tables(make_report()):
        console.print(table)
    return output.getvalue()


def test_nothing_is_cut_or_broken_in_80_columns() -> None:
    """The lines are the same as on a console that is far wider."""
    narrow, wide = render(WIDTH), render(500)

    assert [line.rstrip() for line in narrow.splitlines()] == [
        line.rstrip() for line in wide.splitlines()
    ]
    assert max(map(len, narrow.splitlines())) <= WIDTH


def test_every_row_is_in_a_table() -> None:
    """With figures of every section."""
    text = render(WIDTH)

    for name in NAMES:
        assert f"\n{name} " in text
    for figure in ("1,000,000", "bare publish", "64 at once, 80 places", "16 at once", ">= 0.6"):
        assert figure in text


def test_a_section_without_rows_has_no_table() -> None:
    """Without emulators there are no ratios and no latencies."""
    complete = list_tables(make_report())

    assert len(complete) == 7
    assert len(list_tables(make_report(rounds={}, latency=[], hand_overs=None))) == 3


def test_without_a_terminal_the_console_has_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a log of CI, for example, whatever `COLUMNS` says."""
    monkeypatch.setenv("COLUMNS", "200")

    assert open_console().width == WIDTH
