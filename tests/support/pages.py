"""Markdown pages: their links, headings and code."""

import re
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support import ROOT

PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "infra").rglob("*.md")]
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
TABLE_OF_CODES = re.compile(r"^\| `code` \|.*\n\|[-|]+\n((?:\|.*\n)+)", re.MULTILINE)
"""A table of reason codes: its rows."""
_SCHEME = re.compile(r"[a-z]+:")


def parse_page(page: Path) -> list[Token]:
    """Parse a page into its blocks."""
    return MarkdownIt("gfm-like", {"linkify": False}).parse(page.read_text(encoding="utf-8"))


def find_links(page: Path) -> list[str]:
    """Return the relative links of a page."""
    targets = [str(token.attrs["href"]) for token in _inline(page) if token.type == "link_open"]
    return [target for target in targets if not _SCHEME.match(target)]


def find_anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub generates them."""
    blocks = parse_page(page)
    headings = [
        blocks[at + 1].content for at, block in enumerate(blocks) if block.type == "heading_open"
    ]
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in words}


def find_code(page: Path, language: str | None = None) -> list[str]:
    """Return the blocks of code of a page: those in a language, or all, indented ones too."""
    blocks = (token for token in parse_page(page) if token.type in ("code_block", "fence"))
    return [block.content for block in blocks if language in (None, block.info)]


def find_code_spans(page: Path) -> list[str]:
    """Return the texts of a page that are in code style within a sentence or table."""
    return [token.content for token in _inline(page) if token.type == "code_inline"]


def _inline(page: Path) -> list[Token]:
    return [child for token in parse_page(page) for child in token.children or []]
