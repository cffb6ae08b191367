"""infra/README.md shows what the files that it is about say now."""

import json

import pytest

from infra.readme.__main__ import FILE, INFRA, drawn
from infra.readme.picture import picture

TOPOLOGY = json.loads((INFRA / "topology.json").read_text(encoding="utf-8"))
README = FILE.read_text(encoding="utf-8")


def test_it_is_current() -> None:
    """`make readme` would change nothing."""
    assert drawn(README) == README


def test_a_part_that_is_behind_is_drawn_anew() -> None:
    """Whatever stands between the markers."""
    behind = README.replace("fn_drain[drain]", "fn_drain[drains]").replace("`streams`", "`brooks`")

    assert behind != README
    assert drawn(behind) == README


def test_a_part_that_nobody_draws_is_told() -> None:
    """A misspelt marker is a mistake."""
    with pytest.raises(KeyError, match="pictures"):
        drawn("<!-- drawn: pictures -->\n<!-- /drawn -->")


@pytest.mark.parametrize("name", [*TOPOLOGY["functions"], *TOPOLOGY["topics"]])
def test_the_picture_has_every_function_and_topic(name: str) -> None:
    """By its name, with an arrow from or to it or its group."""
    lines = picture(TOPOLOGY).splitlines()
    node = f"fn_{name}" if name in TOPOLOGY["functions"] else f"topic_{name}"
    node = node.replace("-", "_")
    arrows = [line.split() for line in lines if "->" in line]

    assert any(line.strip().startswith((f"{node}[", f"{node}{{")) for line in lines)
    if name in TOPOLOGY["topics"]:
        assert any(node == words[0] for words in arrows)
        assert any(node == words[-1] for words in arrows)


def test_an_arrow_of_one_function_alone_is_its_own() -> None:
    """What not all of a group do is drawn from the one that does."""
    lines = [line.strip() for line in picture(TOPOLOGY).splitlines()]

    assert "fn_issue_signed_urls --> topic_media_urls" in lines
    assert "subscribers --> topic_media_urls" not in lines
    assert "subscribers --> topic_rejected" in lines
    assert "fn_run_searches --> topic_rejected" not in lines
