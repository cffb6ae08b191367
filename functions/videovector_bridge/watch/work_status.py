"""What a row of the batch status says of a piece of work. Pure.

Source: "Batch media helpers" in the vendor's API reference; words of status: its SDK 2.0.0.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from videovector_bridge.work import Result, Work

_RUN_RESULTS: Final[Mapping[str, Result]] = {
    "completed": "completed",
    "completed_with_failures": "partial",
    "failed": "failed",
    "cancelled": "cancelled",
}
_VIDEO_RESULTS: Final[Mapping[str, Result]] = {"processed": "completed", "failed": "failed"}
_COUNTS: Final = ("total_segments", "successful_segments", "failed_segments")

Progress = Literal["running", "unknown"]


@dataclass(frozen=True, slots=True)
class Finished:
    """Work that VideoVector calls finished: its result, and counts of segments."""

    result: Result
    counts: Mapping[str, int]


def read_status(work: Work, row: Mapping[str, Any] | None) -> Finished | Progress:
    """Return what a row says of the work: finished, running, or `unknown` if it says nothing."""
    if row is None:
        return "unknown"
    runs = list(_runs(row))
    own = [run for run in runs if run.get("run_id") == work.run_id]
    if work.kind == "run":
        return _read_run(own[-1]) if own else "unknown"
    if not own and work.run_id:
        return "unknown"
    run = own[-1] if own else {}
    # The status of a video is that of its latest run.
    is_latest = not own or own[-1] is runs[-1]
    if is_latest and (result := _VIDEO_RESULTS.get(_text(row.get("status")))):
        return Finished(result, _counts(run))
    return _read_video(run)


def _read_run(run: Mapping[str, Any]) -> Finished | Progress:
    result = _RUN_RESULTS.get(_text(run.get("status")))
    # The counts are those of one video of the run.
    return Finished(result, {}) if result else "running"


def _read_video(run: Mapping[str, Any]) -> Finished | Progress:
    """Read a video in an earlier run: it has finished with its segments, or with the run."""
    counts = _counts(run)
    ended = counts.get("successful_segments", 0) + counts.get("failed_segments", 0)
    total = counts.get("total_segments", 0)
    if not (0 < total <= ended or _text(run.get("status")) in _RUN_RESULTS):
        return "running"
    failed = counts.get("failed_segments", 0) > 0 and not counts.get("successful_segments")
    return Finished("failed" if failed else "completed", counts)


def _runs(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    runs = row.get("processing_status")
    for run in runs if isinstance(runs, list) else ():
        if isinstance(run, Mapping):
            yield run


def _counts(run: Mapping[str, Any]) -> dict[str, int]:
    return {name: run[name] for name in _COUNTS if type(run.get(name)) is int}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
