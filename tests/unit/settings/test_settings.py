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
    is_api_key,
    is_loopback_url,
    subscriber_settings,
)
from videovector_bridge.settings.cli import read_watched_topic

KEY = "sk_live_1234"
GOOD = {"VIDEO_VECTOR_API_KEY": KEY, "GOOGLE_CLOUD_PROJECT": "project"}


def read(streams: Any = None, **environ: str) -> DrainSettings:
    """Settings of a good environment with these variables besides."""
    variables = {} if streams is None else {"STREAMS": orjson.dumps(streams).decode()}
    return drain_settings(GOOD | variables | environ)


def problems(streams: Any = None, **environ: str) -> list[str]:
    """What is wrong with it."""
    with pytest.raises(SettingsError) as caught:
        read(streams, **environ)
    return list(caught.value.problems)


def test_little_is_required() -> None:
    """A key and a project are enough: one stream `default` without filters."""
    defaults = read()
    (stream,) = defaults.streams.values()

    assert (stream.name, stream.filters) == ("default", StreamFilters())
    assert (stream.window.lanes, stream.window.max_frame_bytes) == (16, 4_194_304)
    assert (stream.window.cursor_policy, stream.window.start_from) == ("fail", "latest")
    assert defaults.api.host == "api.vectormethods.com"
    assert (defaults.topics.events, defaults.topics.rejected) == ("events", "rejected")


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
                "START_FROM": "Earliest",
                "MAX_FRAME_BYTES": "67108865",
                "EARLIEST_EVENT_ID": "id\u00e9",
                "EVENTS_TOPIC": "mine",
                "REJECTED_TOPIC": "mine",
                "MEDIA_URLS_TOPIC": "a\tb",
                "STREAMS": '{"a b": {}, "ok": {"lanes": 0, "colour": 1}}',
            }
        )

    reported = list(caught.value.problems)
    names = [problem.split()[0].rstrip(":,") for problem in reported]
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
            "START_FROM",
            "MAX_FRAME_BYTES",
            "EARLIEST_EVENT_ID",
            "EVENTS_TOPIC",
            "MEDIA_URLS_TOPIC",
            "STREAMS",
            "STREAMS",
            "STREAMS",
        ]
    )
    assert all(problem in str(caught.value) for problem in reported)


def test_blank_values_count_as_not_set() -> None:
    """An empty variable, as deployments make them, is the default."""
    blank = read(WINDOW_SECONDS="  ", STREAMS="", START_FROM="", EVENTS_TOPIC=" ")

    assert (blank.topics, blank.backend) == (read().topics, read().backend)
    assert blank.streams == read().streams


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
def test_filters_stand_beside_the_settings_or_apart(form: dict[str, Any]) -> None:
    """A stream's filters may be flat or under `filters`; its window overrides the defaults."""
    stream = read({"s": form}, MAX_EVENTS="7", IDLE_SECONDS="3").streams["s"]

    assert stream.filters == StreamFilters(run_id="r", video_ids=("a", "b"))
    assert (stream.window.max_events, stream.window.idle_seconds) == (5, 3)


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
def test_a_wrong_stream_is_one_problem_that_names_it(streams: Any, said: str) -> None:
    """Each mistake in STREAMS is reported with the stream and the key."""
    (problem,) = problems(streams)

    assert problem.startswith("STREAMS")
    assert said in problem


def test_a_number_beyond_all_measure_is_a_problem() -> None:
    """A number that no float holds is reported like any other bad number."""
    (problem,) = problems(STREAMS='{"s": {"max_events": 1' + "0" * 400 + "}}")

    assert "max_events must be a number" in problem
    assert len(problem) < 200


@pytest.mark.parametrize(
    ("text", "said"),
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
def test_wrong_text_in_streams_is_reported(text: str, said: str) -> None:
    """STREAMS that does not parse, repeats a key or holds what no request can carry."""
    reported = problems(STREAMS=text)

    assert reported[0].startswith("STREAMS")
    assert said in reported[0]
    assert all(problem.startswith("STREAMS") and problem.isprintable() for problem in reported)


def test_streams_may_span_lines() -> None:
    """JSON with line breaks and tabs between its words is read as any other."""
    assert list(read(STREAMS='{\r\n\t"a": {}\n}\n').streams) == ["a"]


def test_a_wrong_stream_has_no_filters_to_compare() -> None:
    """A stream whose filters cannot be read is not taken for one without filters."""
    (problem,) = problems({"a": {"run_id": 5}, "b": {}})

    assert "run_id must be a string" in problem


@pytest.mark.parametrize("start", ["latest", "earliest", "evt_1", "an id", "0", "i" * 900])
def test_a_stream_begins_where_it_says(start: str) -> None:
    """START_FROM is the default of every stream; `start_from` overrides it."""
    streams = read({"a": {}, "b": {"run_id": "r", "start_from": "own"}}, START_FROM=start).streams

    assert (streams["a"].window.start_from, streams["b"].window.start_from) == (start, "own")


SURROGATE = "x\udcff"  # a byte of the environment that is not UTF-8


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"EVENTS_TOPIC": "rejected"}, "EVENTS_TOPIC, REJECTED_TOPIC name the same topic"),
        (
            {"EVENTS_TOPIC": "t-1", "REJECTED_TOPIC": "projects/project/topics/t-1"},
            "EVENTS_TOPIC, REJECTED_TOPIC name the same topic, 't-1'",
        ),
        (
            {"EVENTS_TOPIC": "t-1", "REJECTED_TOPIC": "t-1", "MEDIA_URLS_TOPIC": "t-1"},
            "EVENTS_TOPIC, REJECTED_TOPIC, MEDIA_URLS_TOPIC name the same topic",
        ),
        ({"EVENTS_TOPIC": "ab"}, "EVENTS_TOPIC must be a topic"),
        ({"EVENTS_TOPIC": "1st"}, "EVENTS_TOPIC must be a topic"),
        ({"EVENTS_TOPIC": "goog-events"}, "EVENTS_TOPIC must be a topic"),
        ({"EVENTS_TOPIC": "t" * 256}, "EVENTS_TOPIC must be a topic"),
        ({"REJECTED_TOPIC": "a b c"}, "REJECTED_TOPIC must be a topic"),
        ({"MEDIA_URLS_TOPIC": "topics/media"}, "MEDIA_URLS_TOPIC must be a topic"),
        ({"EVENTS_TOPIC": "projects/p/subscriptions/s-1"}, "EVENTS_TOPIC must be a topic"),
        ({"GOOGLE_CLOUD_PROJECT": "projects/p"}, "GOOGLE_CLOUD_PROJECT must be the id"),
        ({"FIRESTORE_DATABASE": "default"[:3]}, "FIRESTORE_DATABASE must be the id"),
        ({"CLAIM_BUCKET": "gs://claims"}, "CLAIM_BUCKET must be the name of a bucket"),
        ({"PREVIEW_BUCKET": "Previews"}, "PREVIEW_BUCKET must be the name of a bucket"),
        ({"EARLIEST_EVENT_ID": "é"}, "EARLIEST_EVENT_ID must be 1 to 900 printable ASCII"),
        ({"START_FROM": "EARLIEST"}, "START_FROM must be 'earliest' in lower case"),
        ({"START_FROM": "é"}, "START_FROM must be latest, earliest or an event id"),
        ({"MAX_FRAME_BYTES": "1023"}, "MAX_FRAME_BYTES must be from"),
        ({"MAX_FRAME_BYTES": "67108865"}, "MAX_FRAME_BYTES must be from"),
        ({"WINDOW_SECONDS": "nan"}, "WINDOW_SECONDS must be from"),
        ({"LEASE_SECONDS": "inf"}, "LEASE_SECONDS must be from"),
        (
            {"EVENTS_TOPIC": "eve\x07nts"},
            "EVENTS_TOPIC contains a control character, U+0007, at pos",
        ),
        ({"EVENTS_TOPIC": "\x1fevents"}, "EVENTS_TOPIC contains a control character, U+001F"),
        ({"EVENTS_TOPIC": SURROGATE}, "EVENTS_TOPIC contains a lone surrogate"),
        ({"REJECTED_TOPIC": SURROGATE}, "REJECTED_TOPIC contains a lone surrogate"),
        ({"GOOGLE_CLOUD_PROJECT": SURROGATE}, "GOOGLE_CLOUD_PROJECT contains a lone surrogate"),
        ({"CLAIM_BUCKET": "a\nb"}, "CLAIM_BUCKET contains a control character"),
        ({"FIRESTORE_DATABASE": SURROGATE}, "FIRESTORE_DATABASE contains a lone surrogate"),
        (
            {"VIDEO_VECTOR_BASE_URL": "https://a.example/\x00"},
            "VIDEO_VECTOR_BASE_URL holds a contr",
        ),
        (
            {"VIDEO_VECTOR_API_KEY": KEY + "\x85k"},
            "VIDEO_VECTOR_API_KEY contains a control character",
        ),
        ({"VIDEO_VECTOR_API_KEY_FILE": "/a\x00"}, "VIDEO_VECTOR_API_KEY_FILE contains a control"),
        ({"VIDEO_VECTOR_API_KEY_FILE": SURROGATE}, "VIDEO_VECTOR_API_KEY_FILE contains a lone"),
        ({"LANES": "1\x7f"}, "LANES contains a control character"),
        ({"WINDOW_SECONDS": "\udc80"}, "WINDOW_SECONDS contains a lone surrogate"),
        ({"LIST_ENCODING": "comma\x1b"}, "LIST_ENCODING contains a control character"),
        ({"EARLIEST_EVENT_ID": "\udc80"}, "EARLIEST_EVENT_ID contains a lone surrogate"),
        ({"START_FROM": "a\tb"}, "START_FROM contains a control character"),
        ({"BACKEND": "gcp\x00"}, "BACKEND contains a control character"),
        (
            {"BACKEND": "embedded", "EMBEDDED_DIR": "a\x00"},
            "EMBEDDED_DIR contains a control character",
        ),
        (
            {"STREAMS": '{"s": {"video_ids": ["a,b"]}}', "LIST_ENCODING": "comma"},
            "STREAMS: stream 's': video_ids contains a comma",
        ),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_a_wrong_variable_is_one_problem_that_names_it(environ: dict[str, str], said: str) -> None:
    """Each is refused with one sentence, which can be printed whatever the value holds."""
    (problem,) = problems(**environ)

    assert said in problem
    assert problem.isprintable()


def test_all_wrong_variables_are_reported_together() -> None:
    """Text that no request can carry does not hide the problems of other variables."""
    reported = "\n".join(
        problems(
            EVENTS_TOPIC=SURROGATE,
            REJECTED_TOPIC="media-urls",
            START_FROM="",
            CLAIM_BUCKET="\x00",
            STREAMS='{"a": {"run_id": "\\u0000"}, "b": {}, "b": {},'
            ' "c": {"filters": {"lanes": 1}}}',
        )
    )

    for said in (
        "EVENTS_TOPIC holds",
        "REJECTED_TOPIC, MEDIA_URLS_TOPIC name",
        "CLAIM_BUCKET holds",
        "STREAMS: 'a': 'run_id' holds",
        "the key 'b' occurs twice",
        "stream 'c': lanes is a window setting",
    ):
        assert said in reported


@pytest.mark.parametrize(
    "environ",
    [
        {"EVENTS_TOPIC": "projects/example.com:p-1/topics/a.b_c~d+e%f-g"},
        {"EVENTS_TOPIC": "rejected", "REJECTED_TOPIC": "projects/other/topics/rejected"},
        {"EVENTS_TOPIC": "abc", "REJECTED_TOPIC": "t" * 255},
        {"GOOGLE_CLOUD_PROJECT": "123456789012"},
        {"GOOGLE_CLOUD_PROJECT": "example.com:project-1"},
        {"CLAIM_BUCKET": "0a_b.c-d1", "PREVIEW_BUCKET": "abc", "FIRESTORE_DATABASE": "db-1"},
        {"EVENTS_TOPIC": "events\n", "VIDEO_VECTOR_API_KEY": "sk_live_1234\r\n"},
        {"MAX_FRAME_BYTES": "67108864", "VIDEO_VECTOR_API_KEY": "k" * 1_000},
    ],
    ids=repr,
)
def test_what_google_allows_is_allowed(environ: dict[str, str]) -> None:
    """Full names, projects by number or domain, and line breaks at the end are accepted."""
    assert read(**environ).streams


def test_the_embedded_backend_has_one_project() -> None:
    """A full name is its last part there, so two of them can be the same topic."""
    (problem,) = problems(
        BACKEND="embedded", EMBEDDED_DIR="x", EVENTS_TOPIC="projects/p/topics/rejected"
    )

    assert "EVENTS_TOPIC, REJECTED_TOPIC name the same topic" in problem


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/api/v2",
        "https://api.example.com:8443/v2/",
        "http://localhost:8080/api/v2",
        "http://127.0.0.1:9/api/v2",
        "http://127.255.0.7/api/v2",
        "http://LOCALHOST/api/v2",
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
        "https://host:0/api",
        "https://host/api?",
        "https://host/a b",
        "http://127.1.1.999",
        "http://127.0.0.01",
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


@pytest.mark.parametrize("key", ["sk_\nlive", "sk_é", "\x07sk", "sk live", "k" * 1_001])
def test_a_key_that_no_header_carries_is_refused_unseen(tmp_path: Path, key: str) -> None:
    """A key with line breaks or other characters is a problem that does not quote it."""
    file = tmp_path / "key"
    file.write_text(key)
    (problem,) = problems(VIDEO_VECTOR_API_KEY=key)
    (of_file,) = problems(VIDEO_VECTOR_API_KEY_FILE=str(file))

    assert problem.startswith(("VIDEO_VECTOR_API_KEY does not", "VIDEO_VECTOR_API_KEY holds"))
    assert of_file.startswith(f"VIDEO_VECTOR_API_KEY_FILE {str(file)!r} does not have 1 to 1,000")
    assert key not in problem + of_file
    assert not is_api_key(key)


def test_this_machine_by_name_or_address() -> None:
    """`localhost`, 127.0.0.0/8 and `::1`; no name that merely begins like them."""
    here = ("http://localhost", "https://127.9.9.9:1/x", "http://[0:0:0:0:0:0:0:1]/")
    elsewhere = ("", "localhost", "http://127.1", "http://10.0.0.1", "http://[x", "http://[::2]")

    assert all(map(is_loopback_url, here))
    assert not any(map(is_loopback_url, elsewhere))


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
    buckets = GOOD | {"SIGNED_URL_BUCKETS": " gs://first/, second ,,"}

    assert subscriber_settings(buckets).signed_url_buckets == {"first", "second"}
    assert subscriber_settings(GOOD).signed_url_buckets == frozenset()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("SIGNED_URL_BUCKETS", value) for value in ("*", "gs://", "ok-1,gs://bucket/path", "a")),
        *(("SIGNED_URL_BUCKETS", value) for value in ("a\nb", SURROGATE)),
        *(("SIGNING_ACCOUNT", value) for value in ("signer", "a@b@c", "a@b/c", SURROGATE)),
        *(("AUTOMATIONS_FILE", value) for value in ("a\x00", SURROGATE)),
    ],
    ids=ascii,
)
def test_a_wrong_variable_of_subscribers_is_named(name: str, value: str) -> None:
    """Buckets, accounts and paths that cannot be are refused before the first event."""
    with pytest.raises(SettingsError) as caught:
        subscriber_settings(GOOD | {name: value})

    assert {problem.split()[0] for problem in caught.value.problems} == {name}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SIGNED_URL_BUCKETS", "media,gs://videos/raw/", "write videos, not 'gs://videos/raw/'"),
        ("SIGNED_URL_BUCKETS", "videos/raw", "write videos, not 'videos/raw'"),
        ("PREVIEW_BUCKET", "gs://previews/2026", "write previews, not 'gs://previews/2026'"),
        ("CLAIM_BUCKET", "gs://claims", "write claims, not 'gs://claims'"),
        ("CLAIM_BUCKET", "claims/", "write claims, not 'claims/'"),
        ("CLAIM_BUCKET", "s3://claims", "without gs:// or a path, not 's3://claims'"),
        ("PREVIEW_BUCKET", "gs://X/", "without gs:// or a path, not 'gs://X/'"),
    ],
)
def test_a_bucket_with_a_path_is_told_what_to_write(name: str, value: str, problem: str) -> None:
    """The bucket alone, where there is one in it."""
    with pytest.raises(SettingsError) as caught:
        subscriber_settings(GOOD | {name: value})

    (found,) = caught.value.problems
    assert found.startswith(f"{name} must be the name of a bucket, without gs:// or a path")
    assert found.endswith(problem)


def test_the_command_line_may_watch_any_topic() -> None:
    """A topic that the command line watches may be one of the others."""
    options: list[str] = []
    place = read_watched_topic(
        GOOD, project="", topic="rejected", subscription="", problems=options
    )

    assert (place.topic, options) == ("rejected", [])


def test_a_selection_has_one_identity() -> None:
    """Order, repetition and batch size do not change what a stream selects; the ids do."""
    one = StreamFilters(video_ids=("a", "b"), batch_size=5)

    assert one.identity() == StreamFilters(video_ids=("b", "a", "b")).identity()
    assert one.identity() != StreamFilters(video_ids=("a",)).identity()
    assert one.identity() != StreamFilters(event_types=("a", "b")).identity()


# Surrogates as well, as bytes that are not UTF-8 arrive from the environment.
_text = st.text(st.characters(exclude_categories=()))
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


@settings(max_examples=50)
@given(st.one_of(_json, st.dictionaries(st.text(), _stream)), _text)
def test_any_environment_gives_settings_or_problems(streams: Any, text: str) -> None:
    """Whatever the variables hold, the outcome is settings or one `SettingsError`."""
    try:
        value = orjson.dumps(streams).decode()
    except TypeError:  # beyond 64 bits, or half a surrogate pair
        value = text
    try:
        read(
            STREAMS=value,
            LANES=text,
            VIDEO_VECTOR_BASE_URL=text,
            VIDEO_VECTOR_API_KEY=text,
            EVENTS_TOPIC=text,
            CLAIM_BUCKET=text,
            START_FROM=text,
        )
    except SettingsError as error:
        reported = error.problems
    else:
        return

    assert all(problem.encode() for problem in reported)
    assert reported
