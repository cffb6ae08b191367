"""The tracked files that the checks read, and what a check reports about one."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A broken rule at a line of a file, which counts from 1."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        """`file:line: what to write instead`, which editors understand."""
        return f"{self.path}:{self.line}: {self.message}"


def list_tracked() -> list[str]:
    """The paths of all files in Git that exist, relative to the repository."""
    listed = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    return [path for path in listed if (ROOT / path).is_file()]


def read_tracked() -> Mapping[str, str]:
    """The text of each tracked file; locks and the licence are not our texts."""
    paths = [path for path in list_tracked() if not path.endswith(("requirements.txt", "LICENSE"))]
    return {path: (ROOT / path).read_text(encoding="utf-8") for path in paths}
