"""The local stack's configuration, from the environment."""

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
LOOPBACK = REAL | {"VIDEO_VECTOR_BASE_URL": "http://127.0.0.1:8080/api/v2"}


def problems(**environ: str) -> str:
    """The problems of an environment, in one text."""
    with pytest.raises(SettingsError) as caught:
        read_configuration(environ)
    return "\n".join(caught.value.problems)


def test_an_empty_environment_means_the_stand_in_with_short_windows() -> None:
    """Automations act on it, and windows are short enough to watch."""
    configuration = read_configuration({})

    assert not configuration.real
    assert configuration.effects_allowed
    assert configuration.drain.streams["default"].window.window_seconds == 6
    assert configuration.environment["SIGNED_URL_BUCKETS"] == f"{STANDIN_BUCKET},previews"


def test_the_bucket_is_that_of_the_stand_in() -> None:
    """The name is repeated, so that the configuration does not import the stand-in."""
    assert STANDIN_BUCKET == MEDIA_BUCKET


def test_the_users_settings_are_passed_on() -> None:
    """They override the defaults of the local stack; an empty variable counts as unset."""
    configuration = read_configuration(
        {"WINDOW_SECONDS": "12", "IDLE_SECONDS": "", "STREAMS": '{"a": {}, "b": {"run_id": "r"}}'}
    )

    assert configuration.environment["WINDOW_SECONDS"] == "12"
    assert configuration.environment["IDLE_SECONDS"] == "3"
    assert list(configuration.drain.streams) == ["a", "b"]


def test_live_windows_are_not_short() -> None:
    """The next window ends them, so the limits of the profile hold, or the user's own."""
    live = read_configuration({"PROFILE": "live"})
    own = read_configuration({"PROFILE": "live", "WINDOW_SECONDS": "12"})

    assert live.live
    assert not read_configuration({}).live
    assert not {"WINDOW_SECONDS", "IDLE_SECONDS"} & live.environment.keys()
    assert own.environment["WINDOW_SECONDS"] == "12"
    assert "PROFILE" in problems(PROFILE="lively")


def test_checks_do_not_wait_here_as_long_as_in_the_cloud() -> None:
    """A person waits; and wrong settings of every function are reported at once."""
    configuration = read_configuration({"RECONCILE_GRACE_SECONDS": "4"})
    wrong = problems(RECONCILE_AFTER_SECONDS="soon", CANARY_SECONDS="long", LANES="0")

    assert configuration.environment["RECONCILE_AFTER_SECONDS"] == "2"
    assert configuration.environment["RECONCILE_GRACE_SECONDS"] == "4"
    for name in ("RECONCILE_AFTER_SECONDS", "CANARY_SECONDS", "LANES"):
        assert name in wrong
    assert wrong.count("LANES") == 1


def test_previews_have_a_bucket() -> None:
    """The stack creates it; a setting may change its name."""
    for environ, name in (({}, "previews"), ({"PREVIEW_BUCKET": "mine"}, "mine")):
        configuration = read_configuration(environ)

        assert configuration.environment["PREVIEW_BUCKET"] == name
        assert configuration.drain.backend.preview_bucket == name


def test_an_empty_list_of_buckets_is_a_list() -> None:
    """An empty SIGNED_URL_BUCKETS means that no URL may be issued."""
    assert "SIGNED_URL_BUCKETS" not in read_configuration({"SIGNED_URL_BUCKETS": ""}).environment


def test_a_key_means_the_real_api() -> None:
    """With a key, the account of the key is drained."""
    assert read_configuration(REAL).real
    assert "SIGNED_URL_BUCKETS" not in read_configuration(REAL).environment


def test_a_key_file_means_the_real_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key may be in a file, whose path is made absolute for the functions."""
    (tmp_path / "key").write_text("sk_x")
    monkeypatch.chdir(tmp_path)

    configuration = read_configuration({"VIDEO_VECTOR_API_KEY_FILE": "key"})

    assert configuration.real
    assert configuration.environment["VIDEO_VECTOR_API_KEY_FILE"] == str(tmp_path / "key")


def test_automations_act_on_a_real_account_only_if_a_file_is_set(tmp_path: Path) -> None:
    """On the stand-in and other loopback APIs they always act."""
    file = tmp_path / "mine.toml"
    file.write_text("")

    assert not read_configuration(REAL).effects_allowed
    assert read_configuration(REAL | {"AUTOMATIONS_FILE": str(file)}).effects_allowed
    assert read_configuration(LOOPBACK).effects_allowed


def test_effects_are_checked_only_for_the_shipped_automations(tmp_path: Path) -> None:
    """The oracle knows no others; without effects there is nothing to check."""
    file = tmp_path / "mine.toml"
    file.write_text("")
    shipped = {"AUTOMATIONS_FILE": str(SHIPPED_AUTOMATIONS)}

    assert [read_configuration(each).unchecked for each in ({}, LOOPBACK, shipped)] == ["", "", ""]
    assert "mine.toml" in read_configuration({"AUTOMATIONS_FILE": str(file)}).unchecked
    assert "real account" in read_configuration(REAL).unchecked


def test_an_api_without_a_key_is_a_mistake() -> None:
    """An API without a key is an error; it does not select the stand-in."""
    assert "VIDEO_VECTOR_API_KEY is not set" in problems(VIDEO_VECTOR_BASE_URL="http://localhost/x")


def test_every_mistake_is_reported_once() -> None:
    """All wrong variables are reported together."""
    text = problems(
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
        assert sum(line.startswith(name) for line in text.splitlines()) == 1, name


def test_topics_have_the_names_of_the_settings() -> None:
    """A topic with another name in the settings has this name in the topology."""
    assert read_configuration({"EVENTS_TOPIC": "mine"}).topic_names == {
        "events": "mine",
        "rejected": "rejected",
        "media-urls": "media-urls",
    }
