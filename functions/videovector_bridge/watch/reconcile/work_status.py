"""What rows of the batch status say of a piece of work. Pure.

Source: "Batch media helpers" in the vendor's API reference; words of status: its SDK 2.0.0. It is
undocumented whether the status of a run in the row of a video is that of the whole run or of its
work on this video, so a run has finished when it has in the rows of all its known videos.
"""

from collections.abc import Iterable, Mapping, Sequence
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
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finished:
    """Work that VideoVector calls finished: its result, and counts of segments."""

    result: Result
    counts: Mapping[str, int]


def read_status(work: Work, rows: Iterable[Row]) -> Finished | Progress:
    """Return what rows say of the work: finished, running, or `unknown` if they say nothing.

    `rows` are those of the video, or of the known videos of the run.
    """
    if work.kind == "run":
        return _read_run([run for row in rows for run in _runs(row, work.run_id)[-1:]])
    return next((_read_video(work, row) for row in rows), "unknown")


def _read_run(runs: Sequence[Row]) -> Finished | Progress:
    if not runs:
        return "unknown"
    results = {_RUN_RESULTS.get(_text(run.get("status"))) for run in runs}
    if None in results:
        return "running"
    # The counts are those of one video each, perhaps not of all.
    if "cancelled" in results:
        return Finished("cancelled", {})
    first = _RUN_RESULTS[_text(runs[0].get("status"))]
    return Finished("partial" if len(results) > 1 else first, {})


def _read_video(work: Work, row: Row) -> Finished | Progress:
    result = _VIDEO_RESULTS.get(_text(row.get("status")))
    if not work.run_id:
        return Finished(result, {}) if result else "running"
    own = _runs(row, work.run_id)
    if not own:
        return "unknown"
    run = own[-1]
    counts = _counts(run)
    run_result = _RUN_RESULTS.get(_text(run.get("status")))
    succeeded, failed = counts.get("successful_segments", 0), counts.get("failed_segments", 0)
    has_all_segments = 0 < counts.get("total_segments", 0) <= succeeded + failed
    if run_result is None and not has_all_segments:
        return "running"  # the status of the video may be that of an earlier run
    if result is not None and run is _latest(_runs(row)):
        return Finished(result, counts)
    if has_all_segments or run_result in ("completed", "partial"):
        return Finished("failed" if failed and not succeeded else "completed", counts)
    return Finished("failed", counts)


def _latest(runs: Sequence[Row]) -> Row | None:
    """Return the latest run, to which the status of the video belongs; the last one by default."""
    times = [_text(run.get("created_at")) for run in runs]
    if not all(times):
        return runs[-1] if runs else None
    return max(zip(times, range(len(runs)), runs, strict=True), default=("", 0, None))[2]


def _runs(row: Row, run_id: str | None = None) -> list[Row]:
    """Return the runs in the row of a video; with `run_id` only that one."""
    runs = row.get("processing_status")
    return [
        run
        for run in (runs if isinstance(runs, list) else ())
        if isinstance(run, Mapping) and run_id in (None, run.get("run_id"))
    ]


def _counts(run: Row) -> dict[str, int]:
    return {name: run[name] for name in _COUNTS if type(run.get(name)) is int}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
