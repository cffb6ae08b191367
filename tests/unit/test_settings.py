"""`settings` and `environment`: every problem at once, by name, and no secret shown."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videovector_bridge.errors import SettingsError
from videovector_bridge.settings import (
    DrainSettings,
    StreamFilters,
    drain_settings,
    subscriber_settings,
)

GOOD = {"VIDEO_VECTOR_API_KEY": "sk_live_1234", "GOOGLE_CLOUD_PROJECT": "project"}


def read(streams: Any = None, **environ: str) -> DrainSettings:
    """Settings of a good environment with these variables besides."""
    given_streams = {} if streams is None else {"STREAMS": orjson.dumps(streams).decode()}
    return drain_settings(GOOD | given_streams | environ)


def problems(streams: Any = None, **environ: str) -> list[str]:
    """What is wrong with it."""
    with pytest.raises(SettingsError) as caught:
        read(streams, **environ)
    return list(caught.value.problems)


def test_little_is_required() -> None:
    """A key and a project are enough: one stream `default` without filters."""
    found = read()

    assert list(found.streams) == ["default"]
    assert found.streams["default"].filters == StreamFilters()
    assert found.streams["default"].window.lanes == 16
    assert found.streams["default"].window.cursor_policy == "fail"
    assert found.api.host == "api.vectormethods.com"
    assert (found.topics.events, found.topics.rejected) == ("events", "rejected")


def test_every_problem_is_reported_at_once() -> None:
    """One error names each wrong variable, and each wrong stream."""
    with pytest.raises(SettingsError) as caught:
        drain_settings(
            {
                "VIDEO_VECTOR_BASE_URL": "http://far.example/api/v2",
                "BACKEND": "aws",
                "WINDOW_SECONDS": "soon",
                "IDLE_SECONDS": "-1",
                "LANES": "1.5",
                "MAX_EVENTS": "0",
                "LEASE_SECONDS": "nan",
                "API_TIMEOUT_SECONDS": "inf",
                "LIST_ENCODING": "semicolon",
                "CURSOR_POLICY": "guess",
                "STREAMS": '{"a b": {}, "ok": {"lanes": 0, "colour": 1}}',
            }
        )

    found = list(caught.value.problems)
    names = [problem.split()[0].rstrip(":") for problem in found]
    assert sorted(names) == sorted(
        [
            "VIDEO_VECTOR_BASE_URL",
            "VIDEO_VECTOR_API_KEY",
            "BACKEND",
            "GOOGLE_CLOUD_PROJECT",
            "WINDOW_SECONDS",
            "IDLE_SECONDS",
            "LANES",
            "MAX_EVENTS",
            "LEASE_SECONDS",
            "API_TIMEOUT_SECONDS",
            "LIST_ENCODING",
            "CURSOR_POLICY",
            "STREAMS",
            "STREAMS",
            "STREAMS",
        ]
    )
    assert all(problem in str(caught.value) for problem in found)


def test_blank_values_count_as_not_set() -> None:
    """An empty variable, as deployments make them, is the default."""
    found = read(WINDOW_SECONDS="  ", STREAMS="", CURSOR_POLICY="", EVENTS_TOPIC=" ")

    assert (found.topics, found.backend) == (read().topics, read().backend)
    assert found.streams == read().streams


@pytest.mark.parametrize(
    "form",
    [
        {"video_ids": ["a", "b"], "run_id": "r", "max_events": 5},
        {"filters": {"video_ids": ["a", "b"], "run_id": "r"}, "max_events": 5},
        {"filters": {"video_ids": ["a", "b"]}, "run_id": "r", "max_events": 5},
    ],
    ids=["flat", "nested", "mixed"],
)
def test_filters_stand_beside_the_settings_or_apart(form: dict[str, Any]) -> None:
    """A stream's filters may be flat or under `filters`; its window overrides the defaults."""
    found = read({"s": form}, MAX_EVENTS="7", IDLE_SECONDS="3").streams["s"]

    assert found.filters == StreamFilters(run_id="r", video_ids=("a", "b"))
    assert (found.window.max_events, found.window.idle_seconds) == (5, 3)


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        ([], "must be a JSON object"),
        ({"s": []}, "must be a JSON object"),
        ({"s": {"filters": None}}, "must be a JSON object"),
        ({"s": {"run_id": 5}}, "run_id must be a string"),
        ({"s": {"run_id": False}}, "run_id must be a string"),
        ({"s": {"video_ids": "v"}}, "video_ids must be a list"),
        ({"s": {"video_ids": ""}}, "video_ids must be a list"),
        ({"s": {"event_types": [""]}}, "event_types must be a list"),
        ({"s": {"batch_size": -1}}, "batch_size must be from"),
        ({"s": {"max_events": True}}, "max_events must be a number"),
        ({"s": {"idle_seconds": None}}, "idle_seconds must be a number"),
        ({"s": {"lanes": 2.5}}, "lanes must be a whole number"),
        ({"s": {"cursor_policy": "x"}}, "cursor_policy must be one of"),
        ({"x" * 64: {}}, "a name is 1 to 63"),
        ({"": {}}, "a name is 1 to 63"),
        ({"a/b": {}}, "a name is 1 to 63"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_wrong_stream_is_one_problem_that_names_it(streams: Any, said: str) -> None:
    """Each mistake in STREAMS is told with the stream and the word."""
    (problem,) = problems(streams)

    assert problem.startswith("STREAMS")
    assert said in problem


def test_a_number_beyond_all_measure_is_a_problem() -> None:
    """A number that no float holds is reported like any other bad number."""
    (problem,) = problems(STREAMS='{"s": {"max_events": 1' + "0" * 400 + "}}")

    assert "max_events must be a number" in problem
    assert len(problem) < 200


def test_what_is_no_json_is_told() -> None:
    """STREAMS that does not parse is one problem."""
    (problem,) = problems(STREAMS="{a: 1}")

    assert problem.startswith("STREAMS is not JSON")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/api/v2",
        "https://api.example.com:8443/v2/",
        "http://localhost:8080/api/v2",
        "http://127.0.0.1:9/api/v2",
        "http://[::1]:9/api/v2",
    ],
)
def test_https_or_this_machine(url: str) -> None:
    """The key leaves this machine under TLS only."""
    assert read(VIDEO_VECTOR_BASE_URL=url).api.base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ftp://localhost",
        "https://",
        "https://host:port",
        "https://user:hidden-word@host/api",
        "https://:hidden-word@host/api",
        "https://host/api?api_key=hidden-word",
        "https://host/api#hidden-word",
        "api.example.com",
    ],
)
def test_other_addresses_are_refused_and_not_repeated(url: str) -> None:
    """Plain HTTP, credentials and queries are refused, the latter without being shown."""
    (problem,) = problems(VIDEO_VECTOR_BASE_URL=url)

    assert problem.startswith("VIDEO_VECTOR_BASE_URL must be an https address")
    assert "hidden-word" not in problem


def test_secrets_are_hidden(tmp_path: Path) -> None:
    """No repr of settings shows the key, given as value or as file."""
    file = tmp_path / "key"
    file.write_text("sk_live_from_file")

    assert "1234" not in repr(read())
    assert "from_file" not in repr(read(VIDEO_VECTOR_API_KEY_FILE=str(file)))


@pytest.mark.parametrize("key", ["sk_\nlive", "sk_é", "\x07sk", "sk live"])
def test_a_key_that_no_header_carries_is_refused_unseen(key: str) -> None:
    """A key with line breaks or other characters is a problem that does not quote it."""
    (problem,) = problems(VIDEO_VECTOR_API_KEY=key)

    assert problem == "VIDEO_VECTOR_API_KEY holds characters that no header may carry"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"], ids=["missing", "empty", "binary"])
def test_a_bad_key_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A key file that is missing, empty or no text is one problem with its path."""
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        drain_settings({"GOOGLE_CLOUD_PROJECT": "p", "VIDEO_VECTOR_API_KEY_FILE": str(file)})

    (problem,) = caught.value.problems
    assert "VIDEO_VECTOR_API_KEY_FILE" in problem
    assert str(file) in problem


def test_embedded_needs_its_folder() -> None:
    """The embedded backend needs EMBEDDED_DIR and no project."""
    only_key = {"VIDEO_VECTOR_API_KEY": "k", "BACKEND": "embedded"}
    with pytest.raises(SettingsError, match="EMBEDDED_DIR is not set"):
        drain_settings(only_key)

    assert drain_settings(only_key | {"EMBEDDED_DIR": "x"}).backend.embedded_dir == "x"


def test_subscribers_read_their_buckets() -> None:
    """Buckets are separated by commas, with or without scheme; empty means none."""
    found = subscriber_settings(GOOD | {"SIGNED_URL_BUCKETS": " gs://a/, b ,,"})

    assert found.signed_url_buckets == {"a", "b"}
    assert subscriber_settings(GOOD).signed_url_buckets == frozenset()


def test_a_selection_has_one_identity() -> None:
    """Order, repetition and batch size do not change what a stream selects; the ids do."""
    one = StreamFilters(video_ids=("a", "b"), batch_size=5)

    assert one.identity() == StreamFilters(video_ids=("b", "a", "b")).identity()
    assert one.identity() != StreamFilters(video_ids=("a",)).identity()
    assert one.identity() != StreamFilters(event_types=("a", "b")).identity()


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
_stream = st.dictionaries(
    st.sampled_from(["filters", "run_id", "video_ids", "max_events", "lanes", "batch_size"])
    | st.text(),
    _json,
)


@settings(max_examples=50, deadline=None)
@given(st.one_of(_json, st.dictionaries(st.text(), _stream)), st.text())
def test_any_environment_gives_settings_or_problems(streams: Any, text: str) -> None:
    """Whatever the variables hold, the outcome is settings or one `SettingsError`."""
    try:
        value = orjson.dumps(streams).decode()
    except TypeError:  # beyond 64 bits, or half a surrogate pair
        value = text
    try:
        read(STREAMS=value, LANES=text, VIDEO_VECTOR_BASE_URL=text, VIDEO_VECTOR_API_KEY=text)
    except SettingsError as error:
        found = error.problems
    else:
        return

    assert found
