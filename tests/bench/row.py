"""One row of the benchmark, and the CPU and memory that processes have used."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. CPU and memory are those of the publishing process only."""

    name: str
    events_per_second: float
    cpu_us_per_event: float
    rss_mb: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    put_off: int | None = None
    """Responses with status 503."""
    store_reads: float | None = None
    store_writes: float | None = None
    api_calls: float | None = None
    """For one message of a subscriber: documents read and written, requests to VideoVector."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds of all processes of a session, and peak memory (MB) of the largest."""

    cpu_seconds: float
    peak_mb: float


def measure_session(session: int) -> Usage:
    """Return what the processes of a session have used so far (Linux: from /proc)."""
    ticks = os.sysconf("SC_CLK_TCK")
    cpu, peak = 0.0, 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The command's name is in brackets and may contain spaces.
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            status = (folder / "status").read_text()
        except OSError:
            continue
        if int(stat[3]) != session:
            continue
        cpu += (int(stat[11]) + int(stat[12])) / ticks
        high = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
        peak = max([peak, *(int(each) / 1024 for each in high)])
    return Usage(cpu, peak)
