"""docs/architecture.md: its pictures agree with the tree and with the import contracts."""

import re
import tomllib

from tests.support import ROOT
from tests.support.pages import find_code

TREE, LAYERS = find_code(ROOT / "docs" / "architecture.md")
PACKAGE = ROOT / "functions" / "videovector_bridge"
NAMES_OF_TREE = re.compile(r"( *)(\S+(?: [\w*.]+(?:/|\.\w+))*)")


def paths_of_tree() -> list[str]:
    """Return the files and folders in the picture of the house, as paths or patterns."""
    paths = []
    folders: list[tuple[int, str]] = []
    for line in TREE.splitlines():
        match = NAMES_OF_TREE.match(line)
        assert match, line
        indent, names = len(match[1]), match[2].split()
        folders = [(depth, folder) for depth, folder in folders if depth < indent]
        parent = folders[-1][1] if folders else ""
        paths += [parent + name for name in names]
        if names[0].endswith("/"):
            folders.append((indent, parent + names[0]))
    return paths


def test_the_house_is_as_shown() -> None:
    """Each file and folder of the picture exists, and the picture has each room of the bridge."""
    paths = paths_of_tree()
    rooms = {
        f"functions/videovector_bridge/{file.parent.name}/"
        for file in PACKAGE.glob("*/__init__.py")
    }

    assert not [path for path in paths if not list(ROOT.glob(path))]
    assert rooms <= set(paths)


def test_imports_are_as_shown() -> None:
    """The rows of the picture are the layers of the first import contract; `main.py` is above."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = pyproject["tool"]["importlinter"]["contracts"][0]
    layers = [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]
    rows = [
        set(re.findall(r"(\w+)(?:\.py)?", line)) - {"main", "py"} for line in LAYERS.splitlines()
    ]

    assert contract["containers"] == ["videovector_bridge"]
    assert [row for row in rows if row] == layers
