"""`webhook_secrets`: the text of a file as secrets and back, and a rotation step by step."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.errors import SettingsError
from videovector_bridge.webhook_secrets import WebhookSecret, WebhookSecrets

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TEXT = """\
# rotating until 2026-11-24T02:00:30Z
newest
older # until 2026-11-24T02:00:00Z
"""
VALUE = WebhookSecrets(
    (WebhookSecret("newest"), WebhookSecret("older", NOW)), NOW + timedelta(seconds=30)
)


def test_text_is_parsed_and_rendered() -> None:
    """One a line, newest first, with the end of an old one and the announcement."""
    assert WebhookSecrets.parse(TEXT) == VALUE
    assert VALUE.render() == TEXT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n \n\t\n",
        "# a word\n#until 2026-11-24T02:00:00Z\n# rotated\n",
        "#",
    ],
)
def test_comments_and_blank_lines_are_ignored(text: str) -> None:
    """They are not secrets."""
    assert WebhookSecrets.parse(text) == WebhookSecrets()


@pytest.mark.parametrize(
    "text",
    [
        "  one  \r\n\n# and\n\ttwo\t#until 2026-11-24T03:00:00+01:00\n",
        "\ufeffone\ntwo   #   until   2026-11-24T02:00:00.000Z",
    ],
)
def test_formatting_makes_no_difference(text: str) -> None:
    """Nor do blanks, line ends, the zone of a time or a byte order mark."""
    expected = WebhookSecrets((WebhookSecret("one"), WebhookSecret("two", NOW)))

    assert WebhookSecrets.parse(text) == expected


@pytest.mark.parametrize(
    "line",
    [
        "hidden-word and more",
        "hidden-word # production",
        "hidden-word # until",
        "hidden-word # until then",
        "hidden-word # until 2026-11-24T02:00:00",
        "hidden-word # until 2026-11-24T02:00:00Z or so",
        "# rotating until",
        "# rotating until hidden-word",
        "# rotating until 2026-11-24T02:00:00",
        "# rotating until 0001-01-01T00:00:00+23:59",
    ],
)
def test_a_wrong_line_is_named_and_not_shown(line: str) -> None:
    """A time that cannot be parsed never makes a secret valid without end."""
    with pytest.raises(SettingsError) as caught:
        WebhookSecrets.parse(f"good\n{line}\nas-good\n{line}")

    assert [problem[:7] for problem in caught.value.problems] == ["line 2 ", "line 4 "]
    assert "hidden-word" not in str(caught.value)


def test_secrets_are_hidden() -> None:
    """No repr shows one."""
    assert "newest" not in repr(VALUE)
    assert "older" not in repr(VALUE)


def test_an_old_secret_ends_at_its_time() -> None:
    """It is valid until its time, and invalid from then on."""
    assert VALUE.current(NOW - SECOND) == ("newest", "older")
    assert VALUE.current(NOW) == ("newest",)
    assert WebhookSecrets().current(NOW) == ()


def test_an_announcement_ends_at_its_time() -> None:
    """A rotation is in progress from its announcement until its time."""
    announced = WebhookSecrets((WebhookSecret("one"),)).announce(NOW, 30)

    assert announced.rotating(NOW)
    assert announced.rotating(NOW + 29 * SECOND)
    assert not announced.rotating(NOW + 30 * SECOND)
    assert not WebhookSecrets().rotating(NOW)
    assert announced.current(NOW) == ("one",)


def test_a_rotation_keeps_the_old_secret_for_the_grace_period() -> None:
    """The new secret is first, the one before ends after the grace period."""
    before = WebhookSecrets((WebhookSecret("one"),)).announce(NOW, 30)
    after = before.rotated("two", NOW, 3600)

    assert after.render() == "two\none # until 2026-11-24T03:00:00Z\n"


def test_a_second_rotation_does_not_prolong_the_first() -> None:
    """A secret with an earlier end keeps it; one that has ended is dropped."""
    soon, gone = NOW + 60 * SECOND, NOW
    before = WebhookSecrets(
        (WebhookSecret("two"), WebhookSecret("one", soon), WebhookSecret("nought", gone))
    )
    after = before.rotated("three", NOW, 3600)

    assert after.secrets == (
        WebhookSecret("three"),
        WebhookSecret("two", NOW + 3600 * SECOND),
        WebhookSecret("one", soon),
    )


def test_a_rotation_is_idempotent() -> None:
    """After a crash it may be repeated: nothing is doubled, nothing prolonged."""
    once = WebhookSecrets((WebhookSecret("one"),)).rotated("two", NOW, 3600)

    assert once.rotated("two", NOW + 60 * SECOND, 3600) == once


def test_without_grace_the_old_secret_is_dropped() -> None:
    """A grace period of 0 ends at once."""
    assert WebhookSecrets((WebhookSecret("one"),)).rotated("two", NOW, 0).render() == "two\n"


def test_an_old_secret_can_be_the_newest_again() -> None:
    """The newest has no end, even if it was an old one."""
    before = WebhookSecrets((WebhookSecret("two"), WebhookSecret("one", NOW + SECOND)))

    assert before.rotated("one", NOW, 60).secrets[0] == WebhookSecret("one")


_moments = st.none() | st.integers(0, 2**33).map(lambda at: datetime.fromtimestamp(at / 4, UTC))
_values = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1).filter(
    lambda text: not text.startswith("#")
)


@given(st.lists(st.builds(WebhookSecret, _values, _moments)), _moments)
def test_any_secrets_are_parsed_as_rendered(
    secrets: list[WebhookSecret], rotating_until: datetime | None
) -> None:
    """Parsing is the inverse of rendering."""
    secrets_in_file = WebhookSecrets(tuple(secrets), rotating_until)

    assert WebhookSecrets.parse(secrets_in_file.render()) == secrets_in_file


def test_times_are_written_in_utc() -> None:
    """In any zone they were created in."""
    zone = timezone(timedelta(hours=2))
    secrets_in_file = WebhookSecrets((WebhookSecret("one", NOW.astimezone(zone)),))

    assert secrets_in_file.render() == "one # until 2026-11-24T02:00:00Z\n"


@given(st.text())
def test_any_text_is_secrets_or_problems(text: str) -> None:
    """Only `SettingsError` is raised."""
    try:
        secrets_in_file = WebhookSecrets.parse(text)
    except SettingsError:
        return
    assert WebhookSecrets.parse(secrets_in_file.render()) == secrets_in_file
