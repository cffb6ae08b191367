"""The start of a run: events begin to happen, and the clock begins to tick."""

from typing import TYPE_CHECKING

from infra.local.oracle.progress import Progress
from infra.local.scheduler import Clock
from infra.local.stack import Stack

if TYPE_CHECKING:
    from infra.standin import Control


# Two batches of runs: a first window drains the first, and one is killed while it drains the
# second. Of every four runs one fails, is marked red, is tried again, and turns green.
_FIRST_BATCH = (6, 24.0)  # runs, events a second
_SECOND_BATCH = (4, 12.0)
_VIDEOS_PER_RUN = 4
# Soon, so that the first window that publishes has it to report, however slow the machine is.
_CUT = {"on": "stream", "kind": "cut", "after_events": 2, "mid_frame": True}
_DISTURBED = (
    {"on": "delivery", "kind": "repeat"},
    {"on": "delivery", "kind": "hold", "n": 2},
)
_PAUSE_SECONDS = 0.5
_SLACK_SECONDS = 30.0


def start_draining(stack: Stack, progress: Progress) -> Clock:
    """Have the stand-in process a library, and drain over and over until the clock is stopped.

    The first connection is cut in the middle of a frame; of the first deliveries to the webhook
    one is repeated, and one comes out of order.
    """
    if stack.upstream.control is not None:
        stack.upstream.control.faults(_CUT, *_DISTURBED)
        _start_runs(stack.upstream.control, *_FIRST_BATCH)
    streams = stack.configuration.drain.streams
    longest = max(stream.window.window_seconds for stream in streams.values())
    clock = Clock(
        stack.drain.url,
        streams,
        pause_seconds=_PAUSE_SECONDS,
        attempt_seconds=longest + _SLACK_SECONDS,
        on_tick=progress.note_tick,
    )
    clock.start()
    return clock


def start_second_batch(control: "Control") -> None:
    """Have more of the library processed."""
    _start_runs(control, *_SECOND_BATCH)


def _start_runs(control: "Control", runs: int, rate: float) -> None:
    control.runs(runs, videos_per_run=_VIDEOS_PER_RUN, events_per_second=rate)
