"""Invariant 8: the memory of a window is bounded by its settings, for any stream.

The sum is stated in docs/pipeline.md, and is that of `BOUND_MB`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
from videovector_bridge.ingest.batcher import BATCH_BYTES
from videovector_bridge.ingest.publisher import BATCHES_IN_FLIGHT

FRAME_MB = 4.2  # MAX_FRAME_BYTES by default
BATCH_MB = BATCH_BYTES / 1e6 + FRAME_MB  # full by its last frame
BATCHES = BATCHES_IN_FLIGHT + 2  # and one that waits, and one that is open
COPIES = 4  # of a batch: as read, decoded, as messages, on the wire
FRAME_COST = 40  # bytes of memory for a byte of the most costly JSON, its text included
BOUND_MB = BATCHES * BATCH_MB * COPIES + FRAME_MB * FRAME_COST

KINDS = (
    "one huge frame",
    "costly frames",
    "large frames, stalled",
    "small frames, stalled",
)


@pytest.mark.parametrize("kind", KINDS)
def test_the_memory_of_a_window_is_bounded(kind: str, tmp_path: Path) -> None:
    """100 MB in one frame, the most costly JSON, floods while Pub/Sub stalls: within the sum."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.window_memory", kind, str(tmp_path / "embedded")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"functions{os.pathsep}."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])

    assert result["outcome"] == ("failed" if "stalled" in kind else "drained")
    assert result["grown_mb"] < BOUND_MB


def test_the_sum_fits_the_instance_that_is_deployed() -> None:
    """With the process itself, about 110 MB, it is below the memory of `drain`."""
    topology = json.loads((ROOT / "infra" / "topology.json").read_text(encoding="utf-8"))
    memory = topology["functions"]["drain"]["resources"]["memory"]

    assert memory.endswith("Mi")
    assert int(memory.removesuffix("Mi")) * 1.048576 > 110 + BOUND_MB
