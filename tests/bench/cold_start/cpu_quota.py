"""A limit of CPU time for processes, by a control group of Linux.

`limited_cpus(0.167)` yields a prefix for commands. A command with the prefix, and all its children,
get 16.7 ms of CPU time in each period of 100 ms, on all CPUs together. Needs root.
https://docs.kernel.org/scheduler/sched-bwc.html
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

_PERIOD_US: Final = 100_000
# The shell joins the group and becomes the command.
_JOIN: Final = ("/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"')
_REMOVAL_SECONDS: Final = 5.0


class QuotaUnavailableError(Exception):
    """CPU time cannot be limited on this machine; the message is one sentence."""


@contextmanager
def limited_cpus(cpus: float | None) -> Iterator[Sequence[str]]:
    """Yield the prefix of commands that may use so many CPUs (None: no limit, an empty prefix).

    Raises `QuotaUnavailableError`. The processes must end before the block does.
    """
    if cpus is None:
        yield ()
        return
    group = _make_group(int(cpus * _PERIOD_US))
    try:
        yield (*_JOIN, str(group / "cgroup.procs"))
    finally:
        _remove(group)


def _make_group(quota_us: int) -> Path:
    try:
        for kind, root in _find_roots():
            group = root / f"cold-start-{uuid4().hex[:8]}"
            if kind == "cgroup2" and "cpu" not in _read(root / "cgroup.subtree_control"):
                (root / "cgroup.subtree_control").write_text("+cpu")
            group.mkdir()
            if kind == "cgroup2":
                (group / "cpu.max").write_text(f"{quota_us} {_PERIOD_US}")
            else:
                (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
                (group / "cpu.cfs_quota_us").write_text(str(quota_us))
            return group
    except OSError as error:
        raise QuotaUnavailableError(f"A control group cannot limit CPU time: {error}") from error
    raise QuotaUnavailableError("No control group with the controller `cpu` is mounted.")


def _find_roots() -> Iterator[tuple[str, Path]]:
    """Yield the file systems that have the controller `cpu`: their type and folder."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, folder, kind, options, *_ = line.split()
        root = Path(folder)
        if kind == "cgroup" and "cpu" in options.split(","):
            yield kind, root
        if kind == "cgroup2" and "cpu" in _read(root / "cgroup.controllers"):
            yield kind, root


def _read(file: Path) -> list[str]:
    return file.read_text().split()


def _remove(group: Path) -> None:
    """Remove the group when its processes, which were killed, are gone."""
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while True:
        try:
            group.rmdir()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
