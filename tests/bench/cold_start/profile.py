"""Where the import time of an entry point goes, from `python -X importtime`."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich import box
from rich.table import Table

_RUNS: Final = 5
_LINE: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| \s*(\S+)")
_LOAD: Final = "import sys; from functions_framework import create_app; create_app(*sys.argv[1:])"
_LEAST_MS: Final = 1.0


def profile_imports(
    python: Path, source: Path, target: str, environment: Mapping[str, str]
) -> Table:
    """Return the milliseconds that the modules of each package need, without what they import.

    A module counts with the least of several runs, because other processes only lengthen it. The
    modules of the bridge and of Google's libraries are grouped by room or library.
    """
    command = [str(python), "-X", "importtime", "-c", _LOAD, target, str(source)]
    least: dict[str, float] = {}
    for _ in range(_RUNS):
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        for module, milliseconds in _read(ended.stderr):
            least[module] = min(milliseconds, least.get(module, milliseconds))
    packages: dict[str, list[float]] = {}
    for module, milliseconds in least.items():
        packages.setdefault(_package(module), []).append(milliseconds)
    table = Table(title=f"Import of {target}", title_justify="left", box=box.SIMPLE)
    table.add_column("package", no_wrap=True)
    for name in ("modules", "ms"):
        table.add_column(name, justify="right")
    for package, times in sorted(packages.items(), key=lambda each: -sum(each[1])):
        if sum(times) >= _LEAST_MS:
            table.add_row(package, str(len(times)), f"{sum(times):.1f}")
    table.add_section()
    table.add_row("all", str(len(least)), f"{sum(least.values()):.1f}")
    return table


def _read(trace: str) -> list[tuple[str, float]]:
    return [(match[2], int(match[1]) / 1_000) for match in _LINE.finditer(trace)]


def _package(module: str) -> str:
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names:
        return "standard library"
    if parts[0] == "videovector_bridge":
        return ".".join(parts[:2])
    if parts[0] == "google":
        return ".".join(parts[: 3 if parts[1:2] == ["cloud"] else 2])
    return parts[0]
