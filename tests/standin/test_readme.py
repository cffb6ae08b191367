"""The README of the stand-in."""

import re
from pathlib import Path

import pytest

from infra import standin
from infra.standin import Control
from infra.standin.control.routes import build_routes
from infra.standin.faults import DELIVERY_KINDS, GENERAL_KINDS, STREAM_KINDS, parse_faults
from infra.standin.state import StandInState

ROOM = Path(standin.__file__).parent
README = (ROOM / "README.md").read_text(encoding="utf-8")


def table_rows(heading: str) -> list[list[str]]:
    """Return the cells of the table in a section."""
    section = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def code_in(cell: str) -> list[str]:
    """Return the code spans of a cell."""
    return re.findall(r"`([^`]+)`", cell)


def test_the_example_runs() -> None:
    """The example has its own assertions."""
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

    exec(compile(example, "README.md", "exec"), {})  # noqa: S102  # the text of our README


def test_the_table_of_faults_is_complete() -> None:
    """It has every kind once, each for the right requests."""
    rows = table_rows("Faults")
    kinds = {
        target: {code_in(row[0])[0] for row in rows if target in row[1]}
        for target in ("requests", "streams", "deliveries")
    }

    assert kinds["requests"] == set(GENERAL_KINDS)
    assert kinds["streams"] == set(STREAM_KINDS)
    assert kinds["deliveries"] == set(DELIVERY_KINDS)
    assert len(rows) == len(set().union(*kinds.values()))


@pytest.mark.parametrize("row", table_rows("Faults"), ids=lambda row: row[0])
def test_a_fault_accepts_its_documented_fields(row: list[str]) -> None:
    """Every field of the table is a field of the fault."""
    (kind,) = code_in(row[0])
    (fault,) = parse_faults({"kind": kind})

    assert all(hasattr(fault, field) for field in code_in(row[3]))


def test_the_table_of_the_control_plane_is_complete() -> None:
    """It has every route once, and methods of the client."""
    rows = table_rows("Control plane")
    routes = {
        f"{method} {route.path}"
        for route in build_routes(StandInState(standin.StandInConfig()))
        for method in (route.methods or set()) - {"HEAD"}
    }

    assert {code_in(row[0])[0] for row in rows} == routes
    assert len(rows) == len(routes)
    assert all(hasattr(Control, code_in(row[1])[0].partition("(")[0]) for row in rows)


def test_the_table_of_rooms_is_complete() -> None:
    """It has every package and every top-level module, apart from the entry points."""
    names = [name.rstrip("/") for row in table_rows("Rooms") for name in code_in(row[0])]
    files = {path.name for path in ROOM.iterdir() if path.suffix == ".py"}
    rooms = {path.parent.name for path in ROOM.glob("*/__init__.py")}

    assert set(names) == (files - {"__init__.py", "__main__.py"}) | rooms
    assert len(names) == len(set(names))
