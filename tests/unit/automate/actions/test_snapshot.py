"""The document about a video, from the three batch helpers' rows."""

from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.automate.actions.snapshot import Rows, build_snapshot, group_rows

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
    rows = group_rows(["v1"], [VIDEO], [STATUS], [SEGMENTS])["v1"]

    assert build_snapshot("v1", rows) == {
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
    """The document has `found: false`, and the same form."""
    document = build_snapshot("v1", Rows())

    assert document["found"] is False
    assert document.keys() == build_snapshot("v1", Rows(VIDEO, STATUS, SEGMENTS)).keys()
    assert (document["status"], document["runs"], document["segments"]["total"]) == (None, [], 0)


def test_lists_are_bounded() -> None:
    """The first runs and markers are in the document, and how many there are."""
    status = STATUS | {"processing_status": [RUN] * 150}
    marked = {"segment_id": "s", "segment_status": "x", "marker": RED | {"note": "n" * 300}}
    segments = SEGMENTS | {"segments": [marked] * 700}
    document = build_snapshot("v1", Rows(VIDEO, status, segments))

    assert (len(document["runs"]), document["runs_total"]) == (100, 150)
    assert (len(document["segment_markers"]), document["segment_markers_total"]) == (500, 700)


def test_lists_of_large_items_are_shorter() -> None:
    """300,000 bytes of markers, 100,000 of runs: the first that fit."""
    runs = [RUN | {"run_id": f"{number:0900}"} for number in range(100)]
    marked = {"marker": RED | {"note": "n" * 5_000}}
    segments = [marked | {"segment_id": str(number)} for number in range(700)]
    rows = Rows(VIDEO, {"processing_status": runs}, {"segments": segments})
    document = build_snapshot("v1", rows)

    markers = document["segment_markers"]
    assert [each["segment_id"] for each in markers] == [str(n) for n in range(len(markers))]
    assert 250 < len(markers) < 300
    assert len(markers[0]["note"]) == 1_000
    assert 80 < len(document["runs"]) < 100
    assert document["segment_markers_total"] == 700


def test_texts_are_cut() -> None:
    """A title and a note after 1,000 characters, a URI after 2,000, a word after 100."""
    long = "x" * 3_000
    marker = dict.fromkeys(RED, long)
    document = build_snapshot("v1", Rows(dict.fromkeys(VIDEO, long) | {"marker": marker}))

    assert {name: len(value) for name, value in document.items() if isinstance(value, str)} == {
        "video_id": 2,
        "title": 1_000,
        "video_uri": 2_000,
        "media_type": 100,
        "created_at": 100,
        "updated_at": 100,
        "status": 100,
    }
    assert [len(each) for each in document["marker"].values()] == [1_000, 100, 1_000, 100]


def test_segments_of_many_statuses() -> None:
    """The 20 most frequent, the others together, and values that are not text as unknown."""
    statuses: list[Any] = ["completed"] * 3 + ["failed"] * 2 + [None, ["x"], 5]
    statuses += [f"made up {number}" for number in range(100)]
    segments = [{"segment_status": each} for each in statuses]
    counts = build_snapshot("v1", Rows(segments={"segments": segments}))["segments"]["by_status"]

    assert len(counts) == 21
    assert Counter(counts).total() == len(segments)
    assert (counts["completed"], counts["failed"], counts["unknown"]) == (3, 2, 3)
    assert counts["other"] == 83
    assert list(counts) == sorted(counts)


@pytest.mark.parametrize("odd", [{"a": {"b": 1}}, [[1]], 5, 1.5, True, None])
def test_what_is_no_text_is_null_where_text_is_documented(odd: Any) -> None:
    """Values of other types are not in the document."""
    video = dict.fromkeys(VIDEO, odd)
    run = dict.fromkeys(RUN, odd)
    marked = {"segment_id": odd, "marker": {"marker_id": odd, "color": "red"}}
    document = build_snapshot(
        "v1",
        Rows(video, {"processing_status": [run]}, {"run_id": odd, "segments": [marked]}),
    )

    texts = ("title", "video_uri", "media_type", "status", "created_at", "updated_at", "marker")
    assert [document[name] for name in texts] == [None] * 7
    assert [document["runs"][0][name] for name in ("run_id", "prompt_id", "status")] == [None] * 3
    assert document["segments"]["run_id"] is None
    assert document["segment_markers"] == [
        {"segment_id": None, "field": None, **NO_MARKER, "color": "red"}
    ]


@pytest.mark.parametrize("odd", ["5", 1.5, -1, 2**63, True, [1], None])
def test_what_is_no_count_is_null_where_a_count_is_documented(odd: Any) -> None:
    """A count is a whole number that a document and JavaScript can represent."""
    status = {"processing_status": [RUN | {"total_segments": odd}]}
    (run,) = build_snapshot("v1", Rows(status=status))["runs"]

    assert (run["total_segments"], run["successful_segments"]) == (None, 2)


@pytest.mark.parametrize("odd", [5, "text", {"a": 1}, None, [1, "x", [RUN]]])
def test_lists_of_no_objects_are_empty(odd: Any) -> None:
    """Of segments and of runs."""
    rows = Rows(VIDEO, {"processing_status": odd}, {"segments": odd})
    document = build_snapshot("v1", rows)

    assert (document["runs"], document["runs_total"], document["segments"]["total"]) == ([], 0, 0)


def test_each_row_is_that_of_its_video() -> None:
    """In any order, and with missing rows."""
    rows = group_rows(["a", "b"], [{"video_id": "b"}], [{"video_id": "a"}], [])

    assert rows == {
        "a": Rows(status={"video_id": "a"}),
        "b": Rows(video={"video_id": "b"}),
    }


@pytest.mark.parametrize("odd", [{}, {"video_id": None}, {"video_id": ["a"]}, {"video_id": {}}])
def test_a_row_of_no_video_is_ignored(odd: dict[str, Any]) -> None:
    """The row is ignored, and the others keep their videos."""
    rows = group_rows(["a"], [odd, {"video_id": "a"}], [odd], [{"video_id": "a"}, odd])

    assert rows == {"a": Rows(video={"video_id": "a"}, segments={"video_id": "a"})}


def nested(value: Any, levels: int) -> Any:
    """A value inside so many objects."""
    for _ in range(levels):
        value = {"inner": value}
    return value


texts = st.text(max_size=3) | st.text(max_size=3).map(lambda text: text * 20_000)
documented = st.sampled_from(
    [*VIDEO, *RUN, *RED, "processing_status", "segments", "metadata_markers", "segment_status"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(lambda items: items * 400)
        | st.dictionaries(documented | texts, inner, max_size=4)
        | inner.map(lambda value: nested(value, 50))
    ),
    max_leaves=8,
)
controls = st.sampled_from(["x", "\x01", "\u20ac", "\U0001f600"]).map(lambda text: text * 9_000)
markers = st.fixed_dictionaries({}, optional=dict.fromkeys(RED, controls | json_values))
segments_of_many_kinds = st.fixed_dictionaries(
    {},
    optional={
        "segment_id": controls | json_values,
        "segment_status": controls | json_values,
        "marker": markers | json_values,
        "metadata_markers": st.dictionaries(controls | texts, markers, max_size=3) | json_values,
    },
)
runs_of_many_kinds = st.fixed_dictionaries({}, optional=dict.fromkeys(RUN, controls | json_values))


def many(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Long lists of such items, and values that are not lists."""
    return st.lists(items, max_size=3).map(lambda few: few * 300) | json_values


rows_of_many_kinds = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(VIDEO, controls | json_values),
        "marker": markers,
        "processing_status": many(runs_of_many_kinds),
        "segments": many(segments_of_many_kinds),
    },
)


def levels(value: Any) -> int:
    """How deep a value is nested."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(levels, inner), default=0)


@given(rows_of_many_kinds, rows_of_many_kinds, rows_of_many_kinds)
def test_any_rows_give_a_document_that_firestore_holds(
    video: dict[str, Any], status: dict[str, Any], segments: dict[str, Any]
) -> None:
    """Less than 500,000 bytes, at most 4 levels, whole numbers of 64 bits, short names."""
    document = build_snapshot("v" * 1_000, Rows(video, status, segments))

    assert len(orjson.dumps(document)) < 500_000  # which refuses larger numbers, too
    assert levels(document) <= 4
    assert all(len(name.encode()) <= 400 for name in document["segments"]["by_status"])


def test_the_largest_document_is_below_its_limit() -> None:
    """Every text has its maximum length and cost."""
    costly = "\x01" * 5_000
    marker = dict.fromkeys(RED, costly)
    segment = {"segment_id": costly, "marker": marker}
    segments = [segment | {"segment_status": f"{n:02}{costly}"} for n in range(600)]
    document = build_snapshot(
        "\x01" * 1_000,
        Rows(
            dict.fromkeys(VIDEO, costly) | {"marker": marker},
            {"status": costly, "processing_status": [dict.fromkeys(RUN, costly)] * 200},
            {"run_id": costly, "segments": segments},
        ),
    )

    assert 400_000 < len(orjson.dumps(document)) < 500_000


@pytest.mark.parametrize("status", [None, "processing"])
def test_the_status_helper_goes_before_the_details(status: str | None) -> None:
    """Its status is more specific."""
    document = build_snapshot("v1", Rows(VIDEO | {"status": "processed"}, {"status": status}))

    assert document["status"] == (status or "processed")
