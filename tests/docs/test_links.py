"""Pages are short enough, their links resolve, and their commands exist."""

import re
import shlex
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from typer.testing import CliRunner

from tests.support import ROOT
from videovector_bridge.cli.app import app

PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "infra").rglob("*.md")]
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
ADDRESS = re.compile(r"[a-z]+:")
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
FILE = re.compile(r"[a-z_][a-z0-9_/.-]*\.(?:py|tf|toml|md)")


def tokens(page: Path) -> list[Token]:
    """The blocks of a page."""
    return MarkdownIt("gfm-like", {"linkify": False}).parse(page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """The relative links of a page."""
    inline = [child for token in tokens(page) for child in token.children or []]
    targets = [str(token.attrs["href"]) for token in inline if token.type == "link_open"]
    return [target for target in targets if not ADDRESS.match(target)]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    blocks = tokens(page)
    headings = [
        blocks[at + 1].content for at, block in enumerate(blocks) if block.type == "heading_open"
    ]
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


def commands(page: Path) -> list[str]:
    """The calls of `videovector-bridge` in the page's blocks of code."""
    code = "\n".join(
        token.content for token in tokens(page) if token.type in ("code_block", "fence")
    )
    lines = code.replace("\\\n", " ").splitlines()
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
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert not broken


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("infra/")])
def test_named_files_exist(name: str) -> None:
    """A file that a page names in code style is in the repository."""
    spans = (
        child.content
        for token in tokens(ROOT / name)
        for child in token.children or []
        if child.type == "code_inline"
    )
    paths = [span for span in spans if FILE.fullmatch(span)]
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
            for link in links(page)
        }
        more = {
            target for target in targets if target.suffix == ".md" and target.exists()
        } - reached

    assert not set((ROOT / "docs").rglob("*.md")) - reached


@pytest.mark.parametrize("name", [name for name in NAMES if commands(ROOT / name)])
def test_documented_commands_parse(name: str) -> None:
    """The command line knows each command and option. `--help` stops it before it does anything."""
    for command in commands(ROOT / name):
        words = shlex.split(re.sub(r"\[(.*?)\]", r"\1", command), comments=True)
        result = CliRunner().invoke(app, [*words[1:], "--help"])

        assert result.exit_code == 0, f"{command}: {result.output}"


def test_an_unknown_option_does_not_parse() -> None:
    """What the test above relies on: `--help` hides no wrong option or command."""
    for words in (["webhook", "list", "--nonsense"], ["webhook", "nonsense"]):
        assert CliRunner().invoke(app, [*words, "--help"]).exit_code != 0
