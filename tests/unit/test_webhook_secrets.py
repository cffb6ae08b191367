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


def test_text_and_secrets_say_the_same() -> None:
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
def test_comments_and_blank_lines_mean_nothing(text: str) -> None:
    """What is no secret is none."""
    assert WebhookSecrets.parse(text) == WebhookSecrets()


@pytest.mark.parametrize(
    "text",
    [
        "  one  \r\n\n# and\n\ttwo\t#until 2026-11-24T03:00:00+01:00\n",
        "\ufeffone\ntwo   #   until   2026-11-24T02:00:00.000Z",
    ],
)
def test_how_it_is_written_makes_no_difference(text: str) -> None:
    """Blanks, line ends, the zone of a time and an editor's mark do not."""
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
    """A time that cannot be read never makes a secret hold for ever."""
    with pytest.raises(SettingsError) as caught:
        WebhookSecrets.parse(f"good\n{line}\nas-good\n{line}")

    assert [problem[:7] for problem in caught.value.problems] == ["line 2 ", "line 4 "]
    assert "hidden-word" not in str(caught.value)


def test_secrets_are_hidden() -> None:
    """No repr shows one."""
    assert "newest" not in repr(VALUE)
    assert "older" not in repr(VALUE)


def test_an_old_secret_ends_by_itself() -> None:
    """It verifies until its time, and from then on no more."""
    assert VALUE.current(NOW - SECOND) == ("newest", "older")
    assert VALUE.current(NOW) == ("newest",)
    assert WebhookSecrets().current(NOW) == ()


def test_an_announcement_ends_by_itself() -> None:
    """A rotation is under way from its announcement until its time."""
    announced = WebhookSecrets((WebhookSecret("one"),)).announce(NOW, 30)

    assert announced.rotating(NOW)
    assert announced.rotating(NOW + 29 * SECOND)
    assert not announced.rotating(NOW + 30 * SECOND)
    assert not WebhookSecrets().rotating(NOW)
    assert announced.current(NOW) == ("one",)


def test_a_rotation_keeps_the_old_for_a_while() -> None:
    """The new secret is first, the one before ends after the grace period."""
    before = WebhookSecrets((WebhookSecret("one"),)).announce(NOW, 30)
    after = before.rotated("two", NOW, 3600)

    assert after.render() == "two\none # until 2026-11-24T03:00:00Z\n"


def test_a_second_rotation_does_not_prolong_the_first() -> None:
    """A secret that was to end earlier does; one that has ended is gone."""
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


def test_a_rotation_done_twice_is_done_once() -> None:
    """Whoever crashed after it may do it again: nothing is doubled, nothing prolonged."""
    once = WebhookSecrets((WebhookSecret("one"),)).rotated("two", NOW, 3600)

    assert once.rotated("two", NOW + 60 * SECOND, 3600) == once


def test_without_grace_the_old_is_gone() -> None:
    """No time is no time."""
    assert WebhookSecrets((WebhookSecret("one"),)).rotated("two", NOW, 0).render() == "two\n"


def test_a_secret_that_comes_back_holds_again() -> None:
    """The newest never ends, though it was an old one."""
    before = WebhookSecrets((WebhookSecret("two"), WebhookSecret("one", NOW + SECOND)))

    assert before.rotated("one", NOW, 60).secrets[0] == WebhookSecret("one")


_moments = st.none() | st.integers(0, 2**33).map(lambda at: datetime.fromtimestamp(at / 4, UTC))
_values = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1).filter(
    lambda text: not text.startswith("#")
)


@given(st.lists(st.builds(WebhookSecret, _values, _moments)), _moments)
def test_any_secrets_survive_the_file(
    secrets: list[WebhookSecret], rotating_until: datetime | None
) -> None:
    """What is written is what is read."""
    held = WebhookSecrets(tuple(secrets), rotating_until)

    assert WebhookSecrets.parse(held.render()) == held


def test_times_are_written_in_utc() -> None:
    """Whatever zone they were made in."""
    zone = timezone(timedelta(hours=2))
    held = WebhookSecrets((WebhookSecret("one", NOW.astimezone(zone)),))

    assert held.render() == "one # until 2026-11-24T02:00:00Z\n"


@given(st.text())
def test_any_text_is_secrets_or_problems(text: str) -> None:
    """Nothing but `SettingsError` comes out."""
    try:
        held = WebhookSecrets.parse(text)
    except SettingsError:
        return
    assert WebhookSecrets.parse(held.render()) == held
