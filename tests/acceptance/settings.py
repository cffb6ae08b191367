"""Which cloud to use, from the environment and the command line."""

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")

HOW = """\
To run against the fake Google Cloud, set REAL_TF_MIRROR to a folder with the real providers
(`terraform providers mirror DIR`), and FAKEGCP to the folder with fakegcp.py.
To run against Google Cloud: make acceptance PROJECT=my-throwaway-project REGION=us-central1"""


@dataclass(frozen=True, slots=True)
class UseFake:
    """The fake Google Cloud: the folder of `fakegcp.py`, and the mirror of the providers."""

    folder: Path
    mirror: Path


@dataclass(frozen=True, slots=True)
class UseGoogle:
    """A throwaway project of Google Cloud. Without a billing account, no budget is tried."""

    project: str
    region: str
    billing_account: str


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """There is no cloud; `reason` is a clause."""

    reason: str


@dataclass(frozen=True, slots=True)
class WrongSettings:
    """Every problem of the settings, as sentences."""

    problems: tuple[str, ...]


Settings = UseFake | UseGoogle | LeaveOut | WrongSettings


FindTool = Callable[[str], str | None]
"""Returns the path of a program, or None if it is not installed."""


def read_settings(
    environment: Mapping[str, str], *, find_tool: FindTool = shutil.which
) -> Settings:
    """Read PROJECT, REGION and BILLING_ACCOUNT, or FAKEGCP and REAL_TF_MIRROR."""
    if project := environment.get("PROJECT", ""):
        return _read_google(project, environment, find_tool)
    folder, mirror = environment.get("FAKEGCP", ""), environment.get("REAL_TF_MIRROR", "")
    if not folder and not mirror:
        return LeaveOut("REAL_TF_MIRROR and FAKEGCP are not set")
    problems = []
    if not folder:
        problems.append("FAKEGCP must be set where REAL_TF_MIRROR is")
    elif not (Path(folder) / "fakegcp.py").is_file():
        problems.append(f"FAKEGCP must be a folder with fakegcp.py, and {folder} is not")
    if not mirror:
        problems.append("REAL_TF_MIRROR must be set where FAKEGCP is")
    elif not any(Path(mirror).glob("*/hashicorp/google/*")):
        problems.append(
            f"REAL_TF_MIRROR must be a folder with providers, and {mirror} has no hashicorp/google"
        )
    problems += _find_missing_tools(find_tool, "terraform")
    if problems:
        return WrongSettings(tuple(problems))
    return UseFake(Path(folder).resolve(), Path(mirror).resolve())


def _read_google(
    project: str, environment: Mapping[str, str], find_tool: FindTool
) -> UseGoogle | WrongSettings:
    region = environment.get("REGION") or "us-central1"
    problems = []
    if not _PROJECT.fullmatch(project):
        problems.append(f"PROJECT must be a project's id, not {project!r}")
    if not _REGION.fullmatch(region):
        problems.append(f"REGION must be a region such as us-central1, not {region!r}")
    problems += _find_missing_tools(find_tool, "terraform", "gcloud")
    if problems:
        return WrongSettings(tuple(problems))
    return UseGoogle(project, region, environment.get("BILLING_ACCOUNT", ""))


def _find_missing_tools(find_tool: FindTool, *names: str) -> list[str]:
    return [f"{name} is not installed" for name in names if find_tool(name) is None]
