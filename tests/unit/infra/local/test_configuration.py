"""What the environment asks of the local stack."""

from pathlib import Path

import pytest

from infra.local.configuration import (
    SHIPPED_AUTOMATIONS,
    STANDIN_BUCKET,
    read_configuration,
)
from infra.standin import MEDIA_BUCKET
from videovector_bridge.errors import SettingsError

REAL = {"VIDEO_VECTOR_API_KEY": "sk_x", "VIDEO_VECTOR_BASE_URL": "https://api.example.com/api/v2"}
HERE = REAL | {"VIDEO_VECTOR_BASE_URL": "http://127.0.0.1:8080/api/v2"}


def problems(**environ: str) -> str:
    """What is wrong with the environment, in one text."""
    with pytest.raises(SettingsError) as caught:
        read_configuration(environ)
    return "\n".join(caught.value.problems)


def test_nothing_set_is_the_stand_in_with_short_windows() -> None:
    """Without any variable it is the stand-in, acted on, in windows that a person can watch."""
    found = read_configuration({})

    assert not found.real
    assert found.effects_allowed
    assert found.drain.streams["default"].window.window_seconds == 6
    assert found.environment["SIGNED_URL_BUCKETS"] == f"{STANDIN_BUCKET},previews"


def test_the_bucket_is_that_of_the_stand_in() -> None:
    """URLs are issued for what the stand-in has; its code is not loaded to learn the name."""
    assert STANDIN_BUCKET == MEDIA_BUCKET


def test_what_is_set_is_passed_on() -> None:
    """The user's settings go before ours, and an empty one counts as not set."""
    found = read_configuration(
        {"WINDOW_SECONDS": "12", "IDLE_SECONDS": "", "STREAMS": '{"a": {}, "b": {"run_id": "r"}}'}
    )

    assert (found.environment["WINDOW_SECONDS"], found.environment["IDLE_SECONDS"]) == ("12", "3")
    assert list(found.drain.streams) == ["a", "b"]


def test_previews_have_a_bucket() -> None:
    """The launcher makes it, so no setting is needed; another name may be given."""
    found, named = read_configuration({}), read_configuration({"PREVIEW_BUCKET": "mine"})

    assert found.environment["PREVIEW_BUCKET"] == found.drain.backend.preview_bucket == "previews"
    assert named.environment["PREVIEW_BUCKET"] == named.drain.backend.preview_bucket == "mine"


def test_an_empty_list_of_buckets_is_a_list() -> None:
    """SIGNED_URL_BUCKETS set to nothing means that no URL may be issued."""
    assert "SIGNED_URL_BUCKETS" not in read_configuration({"SIGNED_URL_BUCKETS": ""}).environment


def test_a_key_means_the_real_api() -> None:
    """With a key, or a file that holds it, that account is drained."""
    assert read_configuration(REAL).real
    assert "SIGNED_URL_BUCKETS" not in read_configuration(REAL).environment


def test_a_key_file_means_the_real_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in a file will do, and its path is made absolute for the functions."""
    (tmp_path / "key").write_text("sk_x")
    monkeypatch.chdir(tmp_path)

    found = read_configuration({"VIDEO_VECTOR_API_KEY_FILE": "key"})

    assert found.real
    assert found.environment["VIDEO_VECTOR_API_KEY_FILE"] == str(tmp_path / "key")


def test_nobody_is_acted_on_by_surprise(tmp_path: Path) -> None:
    """On an account of the vendor automations act only if a file of them is named."""
    file = tmp_path / "mine.toml"
    file.write_text("")

    assert not read_configuration(REAL).effects_allowed
    assert read_configuration(REAL | {"AUTOMATIONS_FILE": str(file)}).effects_allowed
    assert read_configuration(HERE).effects_allowed


def test_effects_are_checked_of_the_shipped_automations_alone(tmp_path: Path) -> None:
    """The oracle knows no others; and where nothing acts there is nothing to check."""
    file = tmp_path / "mine.toml"
    file.write_text("")
    shipped = {"AUTOMATIONS_FILE": str(SHIPPED_AUTOMATIONS)}

    assert [read_configuration(each).unchecked for each in ({}, HERE, shipped)] == ["", "", ""]
    assert "mine.toml" in read_configuration({"AUTOMATIONS_FILE": str(file)}).unchecked
    assert "real account" in read_configuration(REAL).unchecked


def test_an_api_without_a_key_is_a_mistake() -> None:
    """Whoever names an API and no key is told so, instead of getting the stand-in."""
    assert "VIDEO_VECTOR_API_KEY is not set" in problems(VIDEO_VECTOR_BASE_URL="http://localhost/x")


def test_every_mistake_is_named_once() -> None:
    """All that is wrong is reported together, by variable."""
    found = problems(
        WINDOW_SECONDS="soon",
        LANES="0",
        STREAMS="[]",
        BACKEND="aws",
        SCHEDULE_SECONDS="-1",
        THREADS="many",
        AUTOMATIONS_FILE="/nowhere",
        VIDEO_VECTOR_BASE_URL="ftp://x",
    )

    for name in (
        *("WINDOW_SECONDS", "LANES", "STREAMS", "BACKEND", "SCHEDULE_SECONDS", "THREADS"),
        *("AUTOMATIONS_FILE", "VIDEO_VECTOR_BASE_URL", "VIDEO_VECTOR_API_KEY"),
    ):
        assert sum(line.startswith(name) for line in found.splitlines()) == 1, name


def test_topics_have_the_names_of_the_settings() -> None:
    """A topic that is named otherwise for the functions is so for the topology, too."""
    assert read_configuration({"EVENTS_TOPIC": "mine"}).topic_names == {
        "events": "mine",
        "rejected": "rejected",
        "media-urls": "media-urls",
    }
