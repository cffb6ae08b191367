"""Reading rows of the batch status."""

from typing import Any

import pytest

from videovector_bridge.watch.reconcile.work_status import Finished, Progress, Row, read_status
from videovector_bridge.work import Work

RUN, VIDEO = Work("run", "r1"), Work("video", "r1", "v1")


def run_row(status: object = "processing", run_id: str = "r1", **fields: Any) -> dict[str, Any]:
    """Return a run in the row of a video, by default with two of four segments done."""
    counts = {"total_segments": 4, "successful_segments": 2, "failed_segments": 0}
    return {"run_id": run_id, "status": status, **counts, **fields}


def row(status: object, *runs: object) -> dict[str, Any]:
    """Return the row of a video."""
    return {"video_id": "v1", "status": status, "processing_status": list(runs)}


def words(status: Finished | Progress) -> str:
    """Return the result, or the progress."""
    return status.result if isinstance(status, Finished) else status


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], "unknown"),
        (["pending"], "running"),
        (["completed"], "completed"),
        (["completed_with_failures"], "partial"),
        (["failed", "failed"], "failed"),
        (["cancelled", "completed"], "cancelled"),
        (["completed", "processing"], "running"),
        (["completed", "failed"], "partial"),
        (["a new word"], "running"),
        ([None], "running"),
    ],
)
def test_a_run_has_finished_in_all_its_videos(statuses: list[object], expected: str) -> None:
    """It is undocumented whether a row has the status of the whole run."""
    rows = [row("processing", run_row(status)) for status in statuses]

    assert words(read_status(RUN, rows)) == expected


def test_a_run_that_no_row_names_is_unknown() -> None:
    """Rows of other runs say nothing of it."""
    assert read_status(RUN, [row("processed", run_row("completed", "r2"))]) == "unknown"


DONE: dict[str, Any] = {"successful_segments": 3, "failed_segments": 1}
BROKEN: dict[str, Any] = {"successful_segments": 0, "failed_segments": 4}
NONE: dict[str, Any] = {"successful_segments": 0, "failed_segments": 0}


@pytest.mark.parametrize(
    ("status", "runs", "expected"),
    [
        ("processing", [], "unknown"),
        ("processed", [run_row("completed")], "completed"),
        ("failed", [run_row("completed_with_failures", **DONE)], "failed"),
        # The run continues with other videos.
        ("processed", [run_row(**DONE)], "completed"),
        ("failed", [run_row(**DONE)], "failed"),
        # The status of the video is still that of the run before.
        ("processed", [run_row("completed", "r0"), run_row("pending", **NONE)], "running"),
        ("processed", [run_row("pending", total_segments=0, **NONE)], "running"),
        ("not_processed", [run_row()], "running"),
        # A later run processes the video again.
        ("processing", [run_row("completed", **DONE), run_row("processing", "r2")], "completed"),
        ("processed", [run_row("completed", **BROKEN), run_row("completed", "r2")], "failed"),
        ("processing", [run_row("failed", **NONE), run_row("processing", "r2")], "failed"),
        ("processing", [run_row("cancelled"), run_row("processing", "r2")], "failed"),
        # The order of runs is undocumented; their times decide.
        (
            "failed",
            [
                run_row("completed", "r2", created_at="2026-01-02", **DONE),
                run_row("completed", created_at="2026-01-03", **DONE),
            ],
            "failed",
        ),
        (
            "failed",
            [
                run_row("completed", created_at="2026-01-02", **DONE),
                run_row("failed", "r2", created_at="2026-01-03", **NONE),
            ],
            "completed",
        ),
    ],
)
def test_a_video_in_a_run(status: str, runs: list[Row], expected: str) -> None:
    """The status of the video counts for its latest run, and only once that run has reached it."""
    assert words(read_status(VIDEO, [row(status, *runs)])) == expected


def test_a_video_outside_of_runs_has_its_own_status() -> None:
    """Whatever runs there are."""
    video = Work("video", "", "v1")

    assert words(read_status(video, [row("processed")])) == "completed"
    assert read_status(video, [row("processing", run_row("completed"))]) == "running"
    assert read_status(video, []) == "unknown"


@pytest.mark.parametrize(
    "malformed",
    [
        {"video_id": "v1"},
        {"status": None, "processing_status": "none"},
        row(5, None, "x", {"run_id": None}, []),
        row(["processed"], {"run_id": "r1", "status": {}}),
        row("processed", {"run_id": "r1", "total_segments": "4", "failed_segments": True}),
        row("processed", {"run_id": "r1", "created_at": 7}),
    ],
)
@pytest.mark.parametrize("work", [RUN, VIDEO])
def test_a_malformed_row_finishes_nothing(malformed: Row, work: Work) -> None:
    """And raises nothing."""
    assert read_status(work, [malformed]) in ("unknown", "running")
