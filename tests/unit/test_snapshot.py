"""The document about a video, from the three batch helpers' rows."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.automate.snapshot import Rows, rows_by_video, snapshot

NO_MARKER = {"marker_id": None, "color": None, "note": None, "updated_at": None}
RED = {"marker_id": "m1", "color": "red", "note": "n", "updated_at": "2026-01-01T00:00:00Z"}
VIDEO = {
    "video_id": "v1",
    "title": "A title",
    "video_uri": "gs://bucket/v1.mp4",
    "status": "processing",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-02T00:00:00Z",
    "media_type": "video",
    "marker": RED,
    "gif_data": "R0lG" * 1_000,
    "first_thumbnail": "/9j/" * 1_000,
}
RUN = {
    "run_id": "r1",
    "prompt_id": "p1",
    "status": "completed",
    "total_segments": 3,
    "pending_segments": 0,
    "processing_segments": 0,
    "successful_segments": 2,
    "failed_segments": 1,
    "segments": [{"segment_id": "s1"}],
}
STATUS = {"video_id": "v1", "status": "processed", "processing_status": [RUN]}
SEGMENTS = {
    "video_id": "v1",
    "run_id": "r1",
    "segments": [
        {"segment_id": "s1", "segment_status": "completed", "marker": RED},
        {"segment_id": "s2", "segment_status": "completed", "marker": NO_MARKER},
        {"segment_id": "s3", "segment_status": "failed", "metadata_markers": {"a.b": RED}},
    ],
}


def test_what_a_web_app_reads() -> None:
    """Status, runs, counts of segments and markers, without pictures."""
    rows = rows_by_video(["v1"], [VIDEO], [STATUS], [SEGMENTS])["v1"]

    assert snapshot("v1", rows) == {
        "video_id": "v1",
        "found": True,
        "title": "A title",
        "video_uri": "gs://bucket/v1.mp4",
        "media_type": "video",
        "status": "processed",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-02T00:00:00Z",
        "marker": RED,
        "runs": [{key: value for key, value in RUN.items() if key != "segments"}],
        "runs_total": 1,
        "segments": {"run_id": "r1", "total": 3, "by_status": {"completed": 2, "failed": 1}},
        "segment_markers": [
            {"segment_id": "s1", "field": None, **RED},
            {"segment_id": "s3", "field": "a.b", **RED},
        ],
        "segment_markers_total": 2,
    }


def test_a_video_that_videovector_does_not_know() -> None:
    """The document says so, in the same form."""
    found = snapshot("v1", Rows())

    assert found["found"] is False
    assert found.keys() == snapshot("v1", Rows(VIDEO, STATUS, SEGMENTS)).keys()
    assert (found["status"], found["runs"], found["segments"]["total"]) == (None, [], 0)


def test_lists_are_bounded() -> None:
    """A document holds a megabyte: the first runs and markers are in it, and how many there are."""
    status = STATUS | {"processing_status": [RUN] * 150}
    marked = {"segment_id": "s", "segment_status": "x", "marker": RED | {"note": "n" * 5_000}}
    segments = SEGMENTS | {"segments": [marked] * 700}
    found = snapshot("v1", Rows(VIDEO, status, segments))

    assert (len(found["runs"]), found["runs_total"]) == (100, 150)
    assert (len(found["segment_markers"]), found["segment_markers_total"]) == (500, 700)
    assert len(found["segment_markers"][0]["note"]) == 1_000


def test_rows_are_told_apart_by_video() -> None:
    """Whatever order they come in, and whichever is missing."""
    found = rows_by_video(["a", "b"], [{"video_id": "b"}], [{"video_id": "a"}], [])

    assert found == {
        "a": Rows(status={"video_id": "a"}),
        "b": Rows(video={"video_id": "b"}),
    }


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
rows = st.fixed_dictionaries(
    {},
    optional={
        "marker": odd,
        "processing_status": st.none() | st.lists(odd, max_size=2),
        "segments": st.none()
        | st.lists(
            odd | st.fixed_dictionaries({}, optional={"metadata_markers": odd, "marker": odd}),
            max_size=2,
        ),
    },
)


@given(rows, rows, rows)
def test_any_rows_give_a_document(
    video: dict[str, Any], status: dict[str, Any], segments: dict[str, Any]
) -> None:
    """Fields of other shapes than documented do no harm."""
    found = snapshot("v1", Rows(video, status, segments))

    assert found["video_id"] == "v1"


@pytest.mark.parametrize("status", [None, "processing"])
def test_the_status_helper_goes_before_the_details(status: str | None) -> None:
    """It is the one that is about status."""
    found = snapshot("v1", Rows(VIDEO | {"status": "processed"}, {"status": status}))

    assert found["status"] == (status or "processed")
