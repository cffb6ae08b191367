"""The CPU time of this process and of all that it started, by what they are (Linux: /proc)."""

import os
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
# A text in the command line, and the name in the table.
_KNOWN: Final = (
    ("cloud-pubsub-emulator", "Pub/Sub emulator"),
    ("cloud-firestore-emulator", "Firestore emulator"),
    ("fake-gcs-server", "Cloud Storage server"),
    ("infra.standin", "stand-in"),
    ("functions_framework", "functions"),
    ("tests.bench", "launcher and pushers"),
)

_OTHER: Final = "other"


def measure_cpu() -> dict[str, float]:
    """Return the seconds so far, by name. Processes that have ended are left out."""
    parents: dict[int, int] = {}
    seconds: dict[int, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The command's name is in brackets and may contain spaces.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
        seconds[int(folder.name)] = (int(fields[11]) + int(fields[12])) / float(_TICKS)
    own: set[int] = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in own} - own:
        own |= more
    used: dict[str, float] = dict.fromkeys([name for _, name in _KNOWN] + [_OTHER], 0.0)
    for process in own & seconds.keys():
        used[_name(process)] += seconds[process]
    return used


def _name(process: int) -> str:
    try:
        command = Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        command = ""
    return next((name for text, name in _KNOWN if text in command), _OTHER)
