"""`settings.webhook`: every problem at once, by name, and no secret shown."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.drain import drain_settings
from videovector_bridge.settings.webhook import WebhookSettings, webhook_settings
from videovector_bridge.webhook_secrets import CurrentSecrets, WebhookSecret, WebhookSecrets

GOOD = {"WEBHOOK_SECRETS": "hidden-word", "GOOGLE_CLOUD_PROJECT": "project"}


def read(**environ: str) -> WebhookSettings:
    """Return the settings of a good environment with these variables added."""
    return webhook_settings(GOOD | environ)


def secrets_of(settings_: WebhookSettings) -> WebhookSecrets:
    """Return the secrets of a text or a file."""
    assert isinstance(settings_.secrets, CurrentSecrets)
    return settings_.secrets.get()


def problems(**environ: str) -> list[str]:
    """Return the problems of such an environment."""
    with pytest.raises(SettingsError) as caught:
        read(**environ)
    assert "hidden-word" not in str(caught.value)
    return list(caught.value.problems)


def test_a_secret_and_a_project_are_required() -> None:
    """An API key is not needed."""
    read_settings = read()

    assert read_settings.api_host == "api.vectormethods.com"
    assert read_settings.ids == frozenset()
    assert secrets_of(read_settings) == WebhookSecrets((WebhookSecret("hidden-word"),))
    assert (read_settings.topics.events, read_settings.topics.rejected) == ("events", "rejected")
    assert (
        read_settings.max_bytes,
        read_settings.max_deliveries,
        read_settings.publish_seconds,
    ) == (5_000_000, 80, 10)
    assert "hidden-word" not in repr(read_settings)


def test_both_channels_have_the_same_lanes() -> None:
    """The events of an entity are in one lane, from the stream and from webhooks."""
    drained = drain_settings({"GOOGLE_CLOUD_PROJECT": "p", "VIDEO_VECTOR_API_KEY": "key"})

    assert read().lanes == drained.streams["default"].window.lanes


def test_every_problem_is_reported_at_once() -> None:
    """One error names each wrong variable."""
    with pytest.raises(SettingsError) as caught:
        webhook_settings(
            {
                "VIDEO_VECTOR_BASE_URL": "http://[far",
                "LANES": "0",
                "MAX_WEBHOOK_BYTES": "9500001",
                "MAX_DELIVERIES": "none",
                "PUBLISH_SECONDS": "0",
                "WEBHOOK_IDS": "good, two words",
            }
        )

    assert sorted(problem.split()[0].rstrip(":") for problem in caught.value.problems) == sorted(
        [
            "VIDEO_VECTOR_BASE_URL",
            "GOOGLE_CLOUD_PROJECT",
            "LANES",
            "MAX_WEBHOOK_BYTES",
            "MAX_DELIVERIES",
            "PUBLISH_SECONDS",
            "WEBHOOK_IDS",
            "WEBHOOK_SECRETS",
        ]
    )


def test_webhooks_are_separated_by_commas() -> None:
    """Blanks and empty items are ignored."""
    assert read(WEBHOOK_IDS=" wh_1, ,wh_2,").ids == {"wh_1", "wh_2"}


@pytest.mark.parametrize("size", ["1024", "9500000"])
def test_bodies_fit_a_message(size: str) -> None:
    """The bounds themselves are allowed."""
    assert read(MAX_WEBHOOK_BYTES=size).max_bytes == int(size)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# only a word", "WEBHOOK_SECRETS has no secret"),
        ("hidden-word # until then", "WEBHOOK_SECRETS: line 1 has no time"),
        ("other-word\nhidden-word b", "WEBHOOK_SECRETS: line 2 has more than a secret"),
        ("hidden-word\nhidden-", "WEBHOOK_SECRETS: secret 2 has 7 characters, fewer than 8"),
        ("x # until 2026-11-24T02:00:00Z", "WEBHOOK_SECRETS: secret 1 has 1 characters"),
    ],
)
def test_wrong_secrets_are_a_problem(text: str, expected: str) -> None:
    """The problem names the line and does not show it."""
    (problem,) = problems(WEBHOOK_SECRETS=text)

    assert problem.startswith(expected)


@pytest.mark.parametrize("content", [None, "", "\n", "# rotating until 2026-11-24T02:00:00Z\n"])
def test_a_file_may_be_written_later(tmp_path: Path, content: str | None) -> None:
    """A missing or empty file, or one without a secret, is not a problem at the start."""
    file = tmp_path / "secrets"
    if content is not None:
        file.write_text(content)
    read_settings = read(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_FILE=str(file))
    file.write_text("written-later")

    assert secrets_of(read_settings) == WebhookSecrets((WebhookSecret("written-later"),))


@pytest.mark.parametrize(
    "name", ["projects/a-project/secrets/webhook", "projects/1234/secrets/A_b-9" + "x" * 249]
)
def test_a_secret_in_secret_manager_is_named_and_not_read(name: str) -> None:
    """Reading it belongs to requests: it may have its first version a moment later."""
    assert read(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_NAME=name).secrets == name


@pytest.mark.parametrize(
    "name",
    [
        "webhook",
        "projects/p/secrets/",
        "projects/p/secrets/s/versions/latest",
        "projects//secrets/s",
        "projects/p/locations/l/secrets/s",
        "projects/p/secrets/" + "x" * 256,
        "//secretmanager.googleapis.com/projects/p/secrets/s",
    ],
)
def test_a_wrong_name_of_a_secret_is_a_problem(name: str) -> None:
    """The problem says which form it has."""
    (problem,) = problems(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_NAME=name)

    assert problem.startswith("WEBHOOK_SECRETS_NAME must be projects/PROJECT/secrets/NAME, not ")


@pytest.mark.parametrize("more", ["WEBHOOK_SECRETS_FILE", "WEBHOOK_SECRETS_NAME"])
def test_the_secrets_have_one_place(more: str, tmp_path: Path) -> None:
    """With two places, one of them would be out of date without notice."""
    places = {
        "WEBHOOK_SECRETS_FILE": str(tmp_path / "secrets"),
        "WEBHOOK_SECRETS_NAME": "projects/p/secrets/s",  # pragma: allowlist secret
    }
    problem = f"WEBHOOK_SECRETS and {more} are set: remove all but one"

    assert problem in problems(**{more: places[more]})


def test_no_place_of_the_secrets_is_a_problem() -> None:
    """The problem names every way to set them."""
    (problem,) = problems(WEBHOOK_SECRETS="")

    assert problem == (
        "WEBHOOK_SECRETS is not set (nor WEBHOOK_SECRETS_FILE nor WEBHOOK_SECRETS_NAME)"
    )


@pytest.mark.parametrize(
    "content",
    [b"hidden-word b", b"\xff\xfe", None, b"hidden"],
    ids=["wrong line", "binary", "folder", "short"],
)
def test_a_wrong_file_is_a_problem(tmp_path: Path, content: bytes | None) -> None:
    """The problem has its path."""
    file = tmp_path / "secrets"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)

    (problem,) = problems(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_FILE=str(file))
    assert problem.startswith(f"WEBHOOK_SECRETS_FILE {str(file)!r}")


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_any_environment_gives_settings_or_problems(text: str) -> None:
    """Any variables give settings or one `SettingsError`."""
    names = ("WEBHOOK_SECRETS", "WEBHOOK_IDS", "MAX_WEBHOOK_BYTES", "VIDEO_VECTOR_BASE_URL")
    try:
        read(**dict.fromkeys(names, text))
    except SettingsError as error:
        reported = error.problems
    else:
        return

    assert reported
