"""Pages are short enough, and what they name exists: pages, headings, files, commands, targets."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support import ROOT
from tests.support.pages import NAMES, PAGES, find_anchors, find_code, find_code_spans, find_links
from videovector_bridge.cli.app import app

# Pages shorten paths to where most of their files are.
ROOTS = [
    ROOT / folder
    for folder in (
        "",
        "functions",
        "functions/videovector_bridge",
        "functions/videovector_bridge/backends",
    )
]
FILE = re.compile(r"(?!build/)[a-z_][a-z0-9_/.-]*(?:\.(?:py|tf|toml|md)|/)")
MAKE = re.compile(r"(?:^|[=\w] )make ([a-z][a-z-]*)", re.MULTILINE)
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
DECISIONS = sorted((ROOT / "docs" / "adr").glob("2*.md"))


def commands(page: Path) -> list[str]:
    """Return the calls of `videovector-bridge` in the page's blocks of code."""
    lines = "\n".join(find_code(page)).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("videovector-bridge ")]


def test_the_readme_is_short() -> None:
    """A newcomer reads it in a few minutes; the rest is in docs/."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 150


@pytest.mark.parametrize("name", NAMES)
def test_relative_links_resolve(name: str) -> None:
    """Each names a file of the repository, and a heading in it if it names one."""
    page = ROOT / name
    broken = []
    for link in find_links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in find_anchors(target)):
            broken.append(link)

    assert not broken


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("infra/")])
def test_named_files_exist(name: str) -> None:
    """A file or folder that a page names in code style is in the repository."""
    paths = [span for span in find_code_spans(ROOT / name) if FILE.fullmatch(span)]
    missing = [path for path in paths if not any((root / path).exists() for root in ROOTS)]

    assert not missing


def test_every_page_is_linked() -> None:
    """A reader who follows links from the README reaches every page of docs/."""
    reached, more = set[Path](), {ROOT / "README.md"}
    while more:
        reached |= more
        targets = {
            (page.parent / link.partition("#")[0]).resolve()
            for page in more
            for link in find_links(page)
        }
        more = {
            target for target in targets if target.suffix == ".md" and target.exists()
        } - reached

    assert not set((ROOT / "docs").rglob("*.md")) - reached


@pytest.mark.parametrize("name", NAMES)
def test_named_make_targets_exist(name: str) -> None:
    """`make NAME` in code is a target of the Makefile."""
    page = ROOT / name
    named = MAKE.findall("\n".join([*find_code(page), *find_code_spans(page)]))

    assert not set(named) - TARGETS


@pytest.mark.parametrize("name", [name for name in NAMES if commands(ROOT / name)])
def test_documented_commands_parse(name: str) -> None:
    """The command line knows each command, its arguments and its options."""
    for command in commands(ROOT / name):
        words = shlex.split(re.sub(r"\[(.*?)\]", r"\1", command), comments=True)
        result = CliRunner().invoke(app, [*words[1:], "--help"])

        assert result.exit_code == 0, f"{command}: {result.output}"


def test_an_unknown_option_does_not_parse() -> None:
    """What the test above relies on: `--help` hides no wrong option or command."""
    for words in (["webhook", "list", "--nonsense"], ["webhook", "nonsense"]):
        assert CliRunner().invoke(app, [*words, "--help"]).exit_code != 0


def test_every_decision_is_in_the_index_by_its_title() -> None:
    """docs/adr/README.md names each decision once, and each has a status."""
    index = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    listed = {file: title for title, file in re.findall(r"\[(.*)\]\((.*?)\)", index)}
    titles = {}
    for decision in DECISIONS:
        title, _, status, *_ = decision.read_text(encoding="utf-8").splitlines()
        titles[decision.name] = title.removeprefix("# ")
        assert status.startswith("Status: "), decision.name

    assert listed == titles


def test_contributing_describes_every_folder_of_tests() -> None:
    """A newcomer knows where a test belongs."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    described = re.findall(r"^\| `tests/(\w+)` \|", page, re.MULTILINE)
    folders = [file.parent.name for file in (ROOT / "tests").glob("*/__init__.py")]

    assert sorted(described) == sorted(folders)


def test_contributing_states_the_minimum_of_coverage() -> None:
    """The number on the page is the one that `make test` enforces."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    minimum = pyproject["tool"]["coverage"]["report"]["fail_under"]

    assert f"{minimum} %" in page


def test_every_page_is_found() -> None:
    """A test over no pages would pass."""
    assert {"README.md", "CONTRIBUTING.md", "docs/glossary.md", "infra/README.md"} <= set(NAMES)
    assert len(PAGES) > 30
