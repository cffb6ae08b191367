"""docs/performance.md shows what the commands print."""

import re
import shlex
from collections.abc import Iterator

import pytest

from tests.support import ROOT
from tests.support.commands import run_command

PAGE = ROOT / "docs" / "performance.md"


def find_sessions() -> Iterator[tuple[str, list[str]]]:
    """Return each command in a block of text, with the output that the page shows."""
    page = PAGE.read_text(encoding="utf-8")
    for block in re.findall(r"^```text\n(\$ .*?)^```$", page, re.MULTILINE | re.DOTALL):
        for session in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *output = session.splitlines()
            yield command, output


@pytest.mark.parametrize(("command", "output"), [*find_sessions()])
def test_the_page_shows_the_output_of_each_command(command: str, output: list[str]) -> None:
    """From its first line; the page may leave out the end."""
    program, *arguments = shlex.split(command)
    printed = run_command(*arguments).out.splitlines()

    assert program == "videovector-bridge"
    assert output == printed[: len(output)], f"Copy the output of: {command}"


def test_the_page_has_commands() -> None:
    """A test over none would pass."""
    assert len(list(find_sessions())) == 4
