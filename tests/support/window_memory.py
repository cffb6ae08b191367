"""Run one window over a hostile stream in its own process, and print the growth of its memory.

    python -m tests.support.window_memory KIND FOLDER

Prints JSON: the report's `outcome`, and `grown_mb`, the peak of the resident set above what the
process had before the window.
"""

import json
import resource
import sys
from collections.abc import Iterator

from tests.support.upstream import Response, Upstream, event_stream, heartbeats
from tests.support.vendor_events import event, sse
from tests.support.virtual_time import VirtualTime
from tests.support.watched_ports import SlowTopics
from tests.support.windows import make_settings, run_window
from videovector_bridge.backends import Backend, BackendSettings, open_backend

PIECE = 65_536
FRAME_BYTES = 4_194_304  # MAX_FRAME_BYTES by default


def main(kind: str, folder: str) -> None:
    """Run the window."""
    time = VirtualTime()
    real = open_backend(BackendSettings("embedded", "", folder))
    stalled = SlowTopics(real.topics, time, 1e9)
    backend = Backend(stalled if kind.endswith("stalled") else real.topics, real.documents)
    # What every window needs is loaded before the measurement begins.
    run_window(backend, Upstream(Response([sse(event(1), "1")], 204)), time=time)
    before = _peak_mb()
    report = run_window(
        backend,
        Upstream(event_stream(_pieces(kind), then=heartbeats)),
        settings=make_settings(),
        time=time,
        window_seconds=30,
        idle_seconds=5,
    )
    print(json.dumps({"outcome": report.outcome, "grown_mb": _peak_mb() - before}))


def _pieces(kind: str) -> Iterator[bytes]:
    """Return the body of a kind, in pieces as from a socket, made as they are read."""
    if kind == "one huge frame":
        yield b"id: 1\ndata: "
        for _ in range(100 * 16):  # 100 MB
            yield b"x" * PIECE
        yield b"\n\n"
    elif kind == "costly frames":
        # Of all JSON, small objects cost the most memory for a byte.
        head = b'{"event_id":"1","event_type":"a.b","payload":['
        data = head + b'{"":0},' * ((FRAME_BYTES - len(head) - 20) // 7) + b"0]}"
        for _ in range(6):
            yield from _cut(sse(data, "1"))
    elif kind == "large frames, stalled":
        data = event(1, payload={"pad": "x" * (FRAME_BYTES - 1_000)})
        for number in range(40):
            yield from _cut(sse(data, str(number)))
    elif kind == "small frames, stalled":
        for number in range(400):
            first = number * 200
            yield b"".join(sse(event(n), f"{n}") for n in range(first, first + 200))
    else:
        raise ValueError(kind)


def _cut(body: bytes) -> Iterator[bytes]:
    return (body[at : at + PIECE] for at in range(0, len(body), PIECE))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
