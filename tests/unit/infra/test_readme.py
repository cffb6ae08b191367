"""The generated parts of infra/README.md agree with their sources."""

import json
import re

import pytest

from infra.readme.__main__ import FILE, INFRA, render
from infra.readme.picture import draw_picture

TOPOLOGY = json.loads((INFRA / "topology.json").read_text(encoding="utf-8"))
README = FILE.read_text(encoding="utf-8")


def test_it_is_current() -> None:
    """`make readme` changes nothing."""
    assert render(README) == README


def test_the_files_that_terraform_names_exist() -> None:
    """Alerts and descriptions of variables refer to Markdown files of the repository."""
    sources = "".join(file.read_text(encoding="utf-8") for file in INFRA.rglob("*.tf"))
    names = set(re.findall(r"[\w/-]+\.md", sources))

    assert names > {"docs/configuration.md", "docs/operating.md"}
    assert [name for name in names if not (INFRA.parent / name).is_file()] == []


def test_an_outdated_part_is_regenerated() -> None:
    """Everything between the markers is replaced."""
    old = README.replace("fn_drain[drain]", "fn_drain[drains]").replace("`streams`", "`brooks`")

    assert old != README
    assert render(old) == README


def test_an_unknown_part_is_an_error() -> None:
    """A misspelt marker does not leave an outdated part."""
    with pytest.raises(KeyError, match="pictures"):
        render("<!-- generated: pictures -->\n<!-- /generated -->")


@pytest.mark.parametrize("name", [*TOPOLOGY["functions"], *TOPOLOGY["topics"]])
def test_the_picture_has_every_function_and_topic(name: str) -> None:
    """Each has a node; each topic has arrows in both directions."""
    lines = draw_picture(TOPOLOGY).splitlines()
    node = f"fn_{name}" if name in TOPOLOGY["functions"] else f"topic_{name}"
    node = node.replace("-", "_")
    arrows = [line.split() for line in lines if "->" in line]

    assert any(line.strip().startswith((f"{node}[", f"{node}{{")) for line in lines)
    if name in TOPOLOGY["topics"]:
        assert any(node == words[0] for words in arrows)
        assert any(node == words[-1] for words in arrows)


def test_an_arrow_of_one_function_starts_at_that_function() -> None:
    """Only an arrow of all functions starts at the group."""
    lines = [line.strip() for line in draw_picture(TOPOLOGY).splitlines()]

    assert "fn_issue_signed_urls --> topic_media_urls" in lines
    assert "subscribers --> topic_media_urls" not in lines
    assert "subscribers --> topic_rejected" in lines
    assert "fn_run_searches --> topic_rejected" not in lines
