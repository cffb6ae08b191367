"""Which automations file a command is about."""

import os
from pathlib import Path
from typing import Annotated

import typer

from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.automate.plan import Automation
from videovector_bridge.cli.input import read_text

_SHIPPED = Path(__file__).resolve().parents[3] / "automations.toml"

File = Annotated[
    str,
    typer.Option(
        "--file",
        metavar="FILE",
        help="The automations; AUTOMATIONS_FILE if not given, or else those deployed.",
    ),
]


def chosen_file(file: str) -> str:
    """The automations file that is asked for: the one named, the setting's, or the deployed one."""
    return file or os.environ.get("AUTOMATIONS_FILE", "").strip() or _default()


def _default() -> str:
    """The deployed file, by a short name where there is one."""
    here = Path.cwd()
    return str(_SHIPPED.relative_to(here) if _SHIPPED.is_relative_to(here) else _SHIPPED)


def read_chosen(file: str) -> tuple[Automation, ...]:
    """The automations in it. Raises `SettingsError` with every mistake."""
    chosen = chosen_file(file)
    return read_automations(read_text(chosen), chosen)
