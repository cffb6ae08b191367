"""`settings` and `environment`: every problem at once, by name."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.drain_settings import GOOD, KEY, SURROGATE, problems, read
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.cli import read_watched_topic
from videovector_bridge.settings.drain import drain_settings
from videovector_bridge.settings.filters import StreamFilters


def test_a_key_and_a_project_are_required() -> None:
    """The default is one stream `default` without filters."""
    defaults = read()
    (stream,) = defaults.streams.values()

    assert (stream.name, stream.filters) == ("default", StreamFilters())
    assert (stream.window.lanes, stream.window.max_frame_bytes) == (16, 4_194_304)
    assert (stream.window.cursor_policy, stream.window.start_from) == ("fail", "latest")
    assert defaults.api.host == "api.vectormethods.com"
    assert (defaults.topics.events, defaults.topics.rejected) == ("events", "rejected")


def test_every_problem_is_reported_at_once() -> None:
    """One error has each wrong variable and each wrong stream."""
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
    """An empty variable, as deployments create them, is the default."""
    blank = read(WINDOW_SECONDS="  ", STREAMS="", START_FROM="", EVENTS_TOPIC=" ")

    assert (blank.topics, blank.backend) == (read().topics, read().backend)
    assert blank.streams == read().streams


@pytest.mark.parametrize(
    ("environ", "expected"),
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
        *(
            ({"PUBSUB_ENDPOINT": endpoint}, "PUBSUB_ENDPOINT must be a host, or host:port")
            for endpoint in (
                "https://europe-west1-pubsub.googleapis.com",
                "europe-west1-pubsub.googleapis.com/",
                "europe-west1-pubsub.googleapis.com:",
                "europe-west1-pubsub.googleapis.com:443443",
                "europe-west1",
                "a..b",
                "-a.example.com",
                "a@b.example.com",
                "a" * 64 + ".example.com",
            )
        ),
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
            "VIDEO_VECTOR_BASE_URL contains a contr",
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
def test_a_wrong_variable_is_one_problem_that_names_it(
    environ: dict[str, str], expected: str
) -> None:
    """Each is one problem in one printable sentence."""
    (problem,) = problems(**environ)

    assert expected in problem
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

    for problem in (
        "EVENTS_TOPIC contains",
        "REJECTED_TOPIC, MEDIA_URLS_TOPIC name",
        "CLAIM_BUCKET contains",
        "STREAMS: 'a': 'run_id' contains",
        "the key 'b' occurs twice",
        "stream 'c': lanes is a window setting",
    ):
        assert problem in reported


@pytest.mark.parametrize(
    "environ",
    [
        {"EVENTS_TOPIC": "projects/example.com:p-1/topics/a.b_c~d+e%f-g"},
        {"EVENTS_TOPIC": "rejected", "REJECTED_TOPIC": "projects/other/topics/rejected"},
        {"EVENTS_TOPIC": "abc", "REJECTED_TOPIC": "t" * 255},
        {"GOOGLE_CLOUD_PROJECT": "123456789012"},
        {"GOOGLE_CLOUD_PROJECT": "example.com:project-1"},
        {"CLAIM_BUCKET": "0a_b.c-d1", "PREVIEW_BUCKET": "abc", "FIRESTORE_DATABASE": "db-1"},
        {"PUBSUB_ENDPOINT": "europe-west1-pubsub.googleapis.com:443"},
        {"PUBSUB_ENDPOINT": "pubsub.me-central2.rep.googleapis.com"},
        {"EVENTS_TOPIC": "events\n", "VIDEO_VECTOR_API_KEY": "sk_live_1234\r\n"},
        {"MAX_FRAME_BYTES": "67108864", "VIDEO_VECTOR_API_KEY": "k" * 1_000},
    ],
    ids=repr,
)
def test_what_google_allows_is_allowed(environ: dict[str, str]) -> None:
    """Full names, projects by number or domain, and line breaks at the end are accepted."""
    assert read(**environ).streams


def test_the_embedded_backend_has_one_project() -> None:
    """The last part of a full name is the topic, so two full names can be the same topic."""
    (problem,) = problems(
        BACKEND="embedded", EMBEDDED_DIR="x", EVENTS_TOPIC="projects/p/topics/rejected"
    )

    assert "EVENTS_TOPIC, REJECTED_TOPIC name the same topic" in problem


def test_embedded_needs_its_folder() -> None:
    """The embedded backend needs EMBEDDED_DIR and no project."""
    only_key = {"VIDEO_VECTOR_API_KEY": "k", "BACKEND": "embedded"}
    with pytest.raises(SettingsError, match="EMBEDDED_DIR is not set"):
        drain_settings(only_key)

    assert drain_settings(only_key | {"EMBEDDED_DIR": "x"}).backend.embedded_dir == "x"


def test_the_command_line_may_watch_any_topic() -> None:
    """A topic that the command line watches may be one of the others."""
    options: list[str] = []
    place = read_watched_topic(
        GOOD, project="", topic="rejected", subscription="", problems=options
    )

    assert (place.topic, options) == ("rejected", [])


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
    """Any variables give settings or one `SettingsError`."""
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
