"""The import time of an entry point beside that of its bare libraries, in pairs of processes."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from tests.bench.cold_start.entry_points import EntryPoint

# What the command `functions-framework` does before it starts its server.
_LOAD: Final = """
import sys, time
wall, cpu = time.perf_counter(), time.process_time()
from functions_framework import create_app
create_app(sys.argv[1], sys.argv[2])
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


@dataclass(frozen=True, slots=True)
class ImportTimes:
    """Milliseconds of one entry point and of its bare libraries: medians over `pairs` of runs.

    `ratio` is the median of the pairs' ratios of CPU time; `ratio_low` and `ratio_high` are their
    quartiles. CPU time, because other processes of the machine lengthen only the wall time.
    """

    entry_point: str
    cpus: float | None
    pairs: int
    bare_ms: float
    bridge_ms: float
    bare_cpu_ms: float
    bridge_cpu_ms: float
    ratio: float
    ratio_low: float
    ratio_high: float


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads sources in processes of `python`. `prefix` limits them to so many `cpus`."""

    python: Path
    environment: Mapping[str, str]
    cpus: float | None = None
    prefix: Sequence[str] = ()

    def load(self, source: Path, target: str) -> tuple[float, float]:
        """Load `target` as the host does; return the milliseconds of wall and CPU time.

        Raises `RuntimeError` with the error of the process.
        """
        command = [*self.prefix, str(self.python), "-c", _LOAD, target, str(source)]
        ended = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        if ended.returncode != 0:
            raise RuntimeError(f"{target} was not loaded: {ended.stderr[-2_000:]}")
        wall, cpu = ended.stdout.split()[-2:]
        return float(wall) * 1_000, float(cpu) * 1_000


def build_environment(source: Path) -> dict[str, str]:
    """Return the environment of a function from the package of `source`.

    The folder comes first: where the bridge is installed for development, the host would load that.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    # Every start is a first one: none may leave bytecode for the next.
    return {**kept, "PYTHONPATH": str(source.parent), "PYTHONDONTWRITEBYTECODE": "1"}


def measure_imports(
    entry_point: EntryPoint, loader: Loader, source: Path, bare: Path, pairs: int
) -> ImportTimes:
    """Load the entry point and its bare libraries in turn; `bare` is a folder for their source."""
    bare_source = bare / f"{entry_point.name}.py"
    bare_source.write_text(entry_point.bare_source, encoding="utf-8")
    sides = {"bridge": (source, entry_point.name), "bare": (bare_source, "bare")}
    for side in sides.values():  # fills the machine's cache of files
        loader.load(*side)
    times: dict[str, list[tuple[float, float]]] = {"bridge": [], "bare": []}
    for pair in range(pairs):
        # Each is first as often as the other.
        for name in sorted(sides, reverse=pair % 2 == 0):
            times[name].append(loader.load(*sides[name]))
    ratios = [
        ours[1] / theirs[1] for ours, theirs in zip(times["bridge"], times["bare"], strict=True)
    ]
    low, _, high = quantiles(ratios, n=4, method="inclusive") if pairs > 1 else ratios * 3
    return ImportTimes(
        entry_point.name,
        loader.cpus,
        pairs,
        *(
            round(median(one[column] for one in times[name]), 1)
            for column in (0, 1)
            for name in ("bare", "bridge")
        ),
        *(round(each, 3) for each in (median(ratios), low, high)),
    )
