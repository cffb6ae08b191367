"""docs/operating.md: the commands on dead letters and rejected messages, and their output."""

import re
import shlex
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.letters import LetterBox, dead_letter, event_copy, raw_rejection, rejection
from tests.support.pages import TABLE_OF_CODES
from videovector_bridge.backends import BackendSettings
from videovector_bridge.cli.operate.letters.advice import DATA_CAUSES, EFFECT_ADVICE

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
COMMANDS = re.findall(
    r"^    videovector-bridge ((?:rejected|dead-letters) .*)$", PAGE, re.MULTILINE
)
TRANSCRIPT = re.findall(
    r"^\$ videovector-bridge (rejected .*)\n((?:[^$`].*\n)*)",
    PAGE.partition("### Many messages are rejected")[2],
    re.MULTILINE,
)


@pytest.fixture
def box(embedded_settings: BackendSettings, tmp_path: Path) -> LetterBox:
    """Subscriptions with messages as in the page."""
    box = LetterBox(embedded_settings, tmp_path)
    one = event_copy("EVENT_ID")
    box.put("rejected", rejection(one), raw_rejection())
    box.put("dead-letters", dead_letter(one))
    return box


def run(box: LetterBox, command: str) -> tuple[int, str]:
    """Run a command of the page on the local stack; return its status and output."""
    words = shlex.split(command.replace(" --project my-project", "").replace(" --local", ""))
    ran = box.run(words[0], words[1], *words[2:], stdin="y\n")
    return ran.status, ran.out


def test_the_commands_of_the_page_work_in_their_order(box: LetterBox) -> None:
    """Each succeeds; afterwards only what was not selected is left."""
    assert len(COMMANDS) == 5
    for command in COMMANDS:
        assert run(box, command)[0] == 0, command

    assert box.left("dead-letters") == []
    assert box.left("rejected") == ["EVENT_ID"]
    assert (box.folder / "dropped.jsonl").exists()


def test_the_transcript_is_what_the_commands_print(box: LetterBox) -> None:
    """The commands work, and the names of columns and fields are those of the page."""
    assert len(TRANSCRIPT) == 4
    for command, recorded in TRANSCRIPT:
        status, printed = run(box, re.sub(r"(evt|whe)_\w+", "EVENT_ID", command))
        first = recorded.splitlines()[0]

        assert status == 0, command
        assert first.split()[0] == printed.split()[0], command
        if " list " in command:
            assert first.split() == printed.splitlines()[0].split()
        for line in recorded.splitlines():
            if field := re.match(r"([a-z]+(?: to do)?)  +\S", line):
                assert field[1] in printed, line


@pytest.mark.parametrize(
    ("page", "advice"), [("automations.md", EFFECT_ADVICE), ("messages.md", DATA_CAUSES)]
)
def test_show_says_what_the_page_says_about_a_code(page: str, advice: dict[str, str]) -> None:
    """For every code, in the same words."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    rows = [row for table in TABLE_OF_CODES.findall(text) for row in table.splitlines()]

    documented: dict[str, str] = {}
    for row in rows:
        codes, words = (cell.strip() for cell in row.strip("|").split("|"))
        documented |= dict.fromkeys(re.findall(r"`(\w+)`", codes), words)

    assert documented == advice
