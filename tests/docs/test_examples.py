"""The Python in pages is formatted and linted as the code of the project is."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.pages import NAMES, find_code

RUFF = Path(sys.executable).with_name("ruff")
# The page says what an example does, and is in no package. An example prints.
IGNORED = "D100,INP001,T201"
PAGES_WITH_PYTHON = [name for name in NAMES if find_code(ROOT / name, "python")]


def ruff(*arguments: str, code: str) -> str:
    """Run ruff over code with the settings of the project; return its findings."""
    command = [str(RUFF), *arguments, "--no-cache", "--stdin-filename", "docs/example.py", "-"]
    done = subprocess.run(
        command, cwd=ROOT, input=code, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("name", PAGES_WITH_PYTHON)
def test_the_python_of_a_page_is_clean(name: str) -> None:
    """Readers copy it."""
    for code in find_code(ROOT / name, "python"):
        assert not ruff("check", f"--extend-ignore={IGNORED}", code=code)
        assert not ruff("format", "--diff", code=code)


def test_a_finding_is_reported() -> None:
    """What the test above relies on: an unused import and a wrong format fail."""
    assert "F401" in ruff("check", code='"""An example."""\n\nimport os\n')
    assert ruff("format", "--diff", code="x = [ 1 ]\n")
