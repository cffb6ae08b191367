"""The plan of a run."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from infra.standin.config import StandInConfig
from infra.standin.library.catalog import Library
from infra.standin.runs.plan import plan_run


@given(st.integers(1, 30), st.integers(1, 8))
def test_a_plan_is_repeatable_and_complete(number: int, count: int) -> None:
    """A plan is always the same, begins with the start and ends with the completion of its run."""
    config = StandInConfig()
    library = Library(config)
    videos = library.indexed(library.index_ids[0])[:count]
    plan = plan_run(config, number, videos)

    assert plan == plan_run(config, number, videos)
    assert plan[0].event_type == "processing.run_started"
    assert plan[-1].event_type.startswith("processing.run_completed")
    assert len({step.run_id for step in plan}) == 1
    for before, after in pairwise(plan):
        if before.event_type in {"processing.video_completed", "processing.video_failed"}:
            assert after.segment_id is None
