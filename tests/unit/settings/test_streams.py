"""`settings.streams` and `settings.filters`: the streams, their windows and filters."""

from dataclasses import replace
from typing import Any

import pytest

from tests.support.drain_settings import problems, read
from videovector_bridge.settings.filters import StreamFilters


@pytest.mark.parametrize(
    "form",
    [
        {"video_ids": ["a", "b"], "run_id": "r", "max_events": 5},
        {"filters": {"video_ids": ["a", "b"], "run_id": "r"}, "max_events": 5},
        {"filters": {"video_ids": ["a", "b"], "run_id": "r", "index_id": None}, "max_events": 5},
        {"filters": {"video_ids": ["a", "b"]}, "run_id": "r", "max_events": 5},
    ],
    ids=["flat", "nested", "null", "mixed"],
)
def test_filters_are_flat_or_in_an_object(form: dict[str, Any]) -> None:
    """A stream's filters may be flat or under `filters`; its window overrides the defaults."""
    stream = read({"s": form}, MAX_EVENTS="7", IDLE_SECONDS="3").streams["s"]

    assert stream.filters == StreamFilters(run_id="r", video_ids=("a", "b"))
    assert (stream.window.max_events, stream.window.idle_seconds) == (5, 3)


def test_a_live_window_has_no_end_but_the_next_one() -> None:
    """The profile of a stream, or of all, decides the defaults; what is set remains."""
    streams = read({"a": {"run_id": "r"}, "b": {"profile": "economy"}}, PROFILE="live").streams
    live, economy = streams["a"].window, streams["b"].window
    chosen = read({"s": {"profile": "live", "idle_seconds": 5}}, WINDOW_SECONDS="80").streams["s"]

    assert (live.profile, live.window_seconds, live.idle_seconds) == ("live", 100, 1_800)
    assert (live.max_events, live.max_bytes) == (10**9, 10**12)
    assert economy == replace(read({}).streams["default"].window, profile="economy")
    assert (chosen.window.window_seconds, chosen.window.idle_seconds) == (80, 5)


@pytest.mark.parametrize(
    ("streams", "environ", "name"),
    [
        ({"s": {"profile": "fast"}}, {}, "STREAMS: stream 's': profile"),
        ({}, {"PROFILE": "Live"}, "PROFILE"),
    ],
)
def test_an_unknown_profile_is_one_problem(
    streams: dict[str, Any], environ: dict[str, str], name: str
) -> None:
    """It names the variable, and the profiles."""
    (problem,) = problems(streams, **environ)

    assert problem.startswith(f"{name} must be one of economy, live, not ")


@pytest.mark.parametrize(
    ("streams", "expected"),
    [
        ([], "must be a JSON object"),
        ({"s": []}, "must be a JSON object"),
        ({"s": {"filters": None}}, "must be a JSON object"),
        ({"s": {"run_id": 5}}, "run_id must be a string"),
        ({"s": {"run_id": False}}, "run_id must be a string"),
        ({"s": {"video_ids": "v"}}, "video_ids must be a list"),
        ({"s": {"video_ids": ""}}, "video_ids must be a list"),
        ({"s": {"event_types": [""]}}, "event_types must be a list"),
        ({"s": {"event_types": ["a "]}}, "without a blank at either end"),
        ({"s": {"run_id": ""}}, "run_id must be a string, not empty"),
        ({"s": {"index_id": " i"}}, "index_id must be a string"),
        ({"s": {"filters": {"max_events": 5}}}, "max_events is a window setting; set it beside"),
        ({"s": {"filters": {"start_from": "latest"}}}, "start_from is a window setting"),
        ({"s": {"filters": {"colour": 5}}}, "'colour' is not a filter; filters are run_id"),
        ({"s": {"filters": {"filters": {}}}}, "'filters' is not a filter"),
        ({"s": {"filters": {"run_id": "a"}, "run_id": "b"}}, "run_id is set twice"),
        ({"s": {"colour": 5}}, "'colour' is not known; known are run_id"),
        ({"s": {"batch_size": -1}}, "batch_size must be from"),
        ({"s": {"max_events": True}}, "max_events must be a number"),
        ({"s": {"idle_seconds": None}}, "idle_seconds must be a number"),
        ({"s": {"lanes": 2.5}}, "lanes must be a whole number"),
        ({"s": {"cursor_policy": "x"}}, "cursor_policy must be one of"),
        ({"s": {"start_from": 7}}, "start_from must be latest, earliest or an event id"),
        ({"s": {"start_from": " id"}}, "start_from must be latest, earliest or an event id"),
        ({"s": {"start_from": "i" * 901}}, "start_from must be latest, earliest or an event id"),
        ({"s": {"start_from": "LATEST"}}, "start_from must be 'latest' in lower case"),
        ({"a": {}, "b": {}}, "the streams 'a', 'b' have the same filters"),
        ({"a": {}, "b": {"max_events": 5, "batch_size": 9}}, "same filters"),
        ({"a": {"video_ids": ["v", "w"]}, "b": {"video_ids": ["w", "v", "w"]}}, "same filters"),
        ({"a": {}, "b": {}, "c": {}}, "published 3 times"),
        ({"x" * 64: {}}, "a name is 1 to 63"),
        ({"": {}}, "a name is 1 to 63"),
        ({"a/b": {}}, "a name is 1 to 63"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_wrong_stream_is_one_problem_that_names_it(streams: Any, expected: str) -> None:
    """Each mistake in STREAMS is reported with the stream and the key."""
    (problem,) = problems(streams)

    assert problem.startswith("STREAMS")
    assert expected in problem


def test_a_number_beyond_floats_is_a_problem() -> None:
    """A number too large for a float is reported like any other bad number."""
    (problem,) = problems(STREAMS='{"s": {"max_events": 1' + "0" * 400 + "}}")

    assert "max_events must be a number" in problem
    assert len(problem) < 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a: 1}", "STREAMS is not JSON"),
        ('{"a": 1' + "0" * 5_000 + "}", "STREAMS"),
        ('{"a":' * 100_000, "STREAMS is nested too deeply"),
        ('{"a": {"idle_seconds": NaN}}', "idle_seconds must be from"),
        ('{"a": {"idle_seconds": 1e999}}', "idle_seconds must be from"),
        ('{"a": {"run_id": "r"}, "b": {}, "a": {}}', "STREAMS: the key 'a' occurs twice"),
        ('{"a": {}, "\\u0061": {}}', "STREAMS: the key 'a' occurs twice"),
        ('{"a": {"run_id": "r", "run_id": "s"}}', "STREAMS: the key 'run_id' occurs twice"),
        ('{"a": {"run_id": "r\\u0007"}}', "STREAMS: 'a': 'run_id' contains a control character"),
        ('{"a": {"video_ids": ["v", "\\ud800"]}}', "STREAMS: 'a': 'video_ids'[1] contains a lone"),
        ('{"a": {"run_id": "r\udc80"}}', "STREAMS contains a lone surrogate"),
        ('{"a": {"start_from": "e\\n"}}', "STREAMS: 'a': 'start_from' contains a control"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_wrong_text_in_streams_is_reported(text: str, expected: str) -> None:
    """STREAMS that does not parse, repeats a key or has text that no request can carry."""
    reported = problems(STREAMS=text)

    assert reported[0].startswith("STREAMS")
    assert expected in reported[0]
    assert all(problem.startswith("STREAMS") and problem.isprintable() for problem in reported)


def test_streams_may_span_lines() -> None:
    """JSON may have line breaks and tabs."""
    assert list(read(STREAMS='{\r\n\t"a": {}\n}\n').streams) == ["a"]


def test_a_wrong_stream_has_no_filters_to_compare() -> None:
    """A stream with wrong filters does not count as one without filters."""
    (problem,) = problems({"a": {"run_id": 5}, "b": {}})

    assert "run_id must be a string" in problem


@pytest.mark.parametrize("start", ["latest", "earliest", "evt_1", "an id", "0", "i" * 900])
def test_a_stream_begins_at_its_start(start: str) -> None:
    """START_FROM is the default of every stream; `start_from` overrides it."""
    streams = read({"a": {}, "b": {"run_id": "r", "start_from": "own"}}, START_FROM=start).streams

    assert (streams["a"].window.start_from, streams["b"].window.start_from) == (start, "own")


def test_a_selection_has_one_identity() -> None:
    """Order, repetition and batch size do not change the selection of a stream; the ids do."""
    one = StreamFilters(video_ids=("a", "b"), batch_size=5)

    assert one.identity() == StreamFilters(video_ids=("b", "a", "b")).identity()
    assert one.identity() != StreamFilters(video_ids=("a",)).identity()
    assert one.identity() != StreamFilters(event_types=("a", "b")).identity()
