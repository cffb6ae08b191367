"""The records of runs."""

from infra.standin.runs.records import RunRecords
from tests.support.standin_events import make_event


def test_records_drop_old_runs() -> None:
    """A video shows its last 50 runs only, and the older runs are dropped."""
    records = RunRecords()
    for n in range(200):
        records.apply(make_event(f"e{n}", f"run_{n}", video_id="v"))

    assert [run.run_id for run, _ in records.runs_of("v")] == [f"run_{n}" for n in range(150, 200)]
    assert len(records.runs) == 50
