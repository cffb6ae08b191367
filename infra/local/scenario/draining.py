"""The start of a run: the stand-in emits events, and the scheduler calls functions."""

from typing import TYPE_CHECKING

from infra.local.configuration import selects_everything
from infra.local.oracle.progress import Progress
from infra.local.scheduler import Job, Scheduler, list_drain_jobs
from infra.local.stack import Stack

if TYPE_CHECKING:
    from infra.standin import Control


# Two batches of runs: the first window drains the first batch, and a window is killed while it
# drains the second. One of every four runs fails, is marked red, is retried, and turns green.
_FIRST_BATCH = (6, 24.0)  # runs, events a second
_SECOND_BATCH = (4, 12.0)
_VIDEOS_PER_RUN = 4
# Of this run and its videos the last events are never sent: `reconcile` must notice.
_LOST_RUN = (2, 12.0)  # videos, events a second
_RECONCILE = "reconcile"
# After two events, so that the first window reports it, even on a slow machine.
_CUT = {"on": "stream", "kind": "cut", "after_events": 2, "mid_frame": True}
_DELIVERY_FAULTS = (
    {"on": "delivery", "kind": "repeat"},
    {"on": "delivery", "kind": "hold", "n": 2},
)
_PAUSE_SECONDS = 0.5
_RECONCILE_PAUSE_SECONDS = 1.0
_SLACK_SECONDS = 30.0


def start_draining(stack: Stack, progress: Progress) -> Scheduler:
    """Have the stand-in process a library; drain again and again until the scheduler is stopped.

    The first connection breaks in the middle of a frame. One of the first webhook deliveries is
    repeated, and one arrives out of order. One run never ends for those who only listen.
    """
    streams, control = stack.configuration.drain.streams, stack.upstream.control
    if control is not None:
        control.faults(_CUT, *_DELIVERY_FAULTS)
        _start_runs(control, *_FIRST_BATCH)
        if selects_everything(streams.values()):
            _start_lost_run(control, progress)
    longest = max(stream.window.window_seconds for stream in streams.values())
    jobs = list_drain_jobs(
        stack.drain.url,
        streams,
        pause_seconds=_PAUSE_SECONDS,
        attempt_seconds=longest + _SLACK_SECONDS,
    )
    scheduler = Scheduler(jobs, on_call=progress.note_call)
    scheduler.start()
    return scheduler


def start_reconciling(stack: Stack, progress: Progress) -> Scheduler:
    """Call `reconcile` again and again until the scheduler is stopped.

    Its delays are short here, so it is called when no event is on its way any more: on a slow
    machine, it would publish others in their place.
    """
    url = stack.functions[_RECONCILE].url
    job = Job(_RECONCILE, url, _RECONCILE_PAUSE_SECONDS, _SLACK_SECONDS)
    scheduler = Scheduler([job], on_call=progress.note_call)
    scheduler.start()
    return scheduler


def start_second_batch(control: "Control") -> None:
    """Have the stand-in process more of the library."""
    _start_runs(control, *_SECOND_BATCH)


def _start_lost_run(control: "Control", progress: Progress) -> None:
    videos, rate = _LOST_RUN
    started = control.runs(1, videos_per_run=videos, events_per_second=rate, lose=("run", "video"))
    progress.note_lost_ends(started["run_ids"], started["lost"])


def _start_runs(control: "Control", runs: int, rate: float) -> None:
    control.runs(runs, videos_per_run=_VIDEOS_PER_RUN, events_per_second=rate)
