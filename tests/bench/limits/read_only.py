"""Limit of the stand-in and of httpx: read the bytes of the flood, and do nothing with them."""

import argparse
import os
import sys
from typing import Final

import httpx

from tests.bench.measured import print_measurement
from videovector_bridge.api.stream import STREAM_PATH

# `id:`, `event:`, `data:` and an empty line. A count of one byte needs no care at chunk borders.
_LINES_OF_A_FRAME: Final = 4


def read_flood(events: int) -> int:
    """Read until `events` frames of the flood have arrived; return their number."""
    url = os.environ["VIDEO_VECTOR_BASE_URL"] + STREAM_PATH
    headers = {"X-API-Key": os.environ["VIDEO_VECTOR_API_KEY"]}
    lines = 0
    with httpx.stream("GET", url, headers=headers, timeout=30) as response:
        response.raise_for_status()
        for chunk in response.iter_raw():
            lines += chunk.count(b"\n")
            if lines >= events * _LINES_OF_A_FRAME:
                break
    return lines // _LINES_OF_A_FRAME


def main() -> int:
    """Measure `--events` events."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, required=True)
    events = parser.parse_args().events
    print_measurement(lambda: read_flood(events))
    return 0


if __name__ == "__main__":
    sys.exit(main())
