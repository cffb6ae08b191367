"""`cli.stored_secrets`: the text of a store and its value."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.secret_rotation import NOW
from videovector_bridge.cli.stored_secrets import StoredSecrets
from videovector_bridge.errors import SettingsError
from videovector_bridge.webhook_secrets import WebhookSecret, WebhookSecrets

NONCE = "0123456789abcdef" * 2  # pragma: allowlist secret
ONE = WebhookSecrets((WebhookSecret("word"),))
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1)


def test_the_text_has_two_comment_lines() -> None:
    """Programs that read only the secrets ignore them."""
    stored = StoredSecrets(ONE, "default", "w 1", NONCE, NOW)
    text = f"# webhook default w%201\n# request {NONCE} 2026-01-02T03:04:05Z\nword\n"

    assert text == stored.render()
    assert stored == StoredSecrets.parse(text)
    assert WebhookSecrets.parse(text) == ONE


@given(name=WORDS, webhook_id=WORDS | st.just(""))
def test_any_name_and_id_survive_a_round_trip(name: str, webhook_id: str) -> None:
    """An id with special characters stays on its line."""
    stored = StoredSecrets(ONE, name, webhook_id, NONCE)

    assert stored == StoredSecrets.parse(stored.render())


@pytest.mark.parametrize("text", ["", "\n", "# written by hand\n", "# webhook a b c\n"])
def test_other_comments_are_ignored(text: str) -> None:
    """An empty text and comments of others are an empty store."""
    assert StoredSecrets() == StoredSecrets.parse(text)


def test_a_wrong_line_is_an_error() -> None:
    """The message does not quote it."""
    with pytest.raises(SettingsError) as caught:
        StoredSecrets.parse("one two three\n")

    assert "two" not in str(caught.value)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (StoredSecrets(), False),
        (StoredSecrets(ONE), True),
        (StoredSecrets(ONE, "default", "w1"), True),
        (StoredSecrets(ONE, "default", "w2"), False),
        (StoredSecrets(ONE, "default", "w1", NONCE), False),
        (StoredSecrets(WebhookSecrets((WebhookSecret("word", NOW),)), "default", "w1"), False),
    ],
)
def test_when_the_store_has_the_secret_of_a_webhook(
    *, stored: StoredSecrets, expected: bool
) -> None:
    """It is valid, no other webhook owns it, and no newer one may exist."""
    assert expected == stored.has_secret_of("w1", NOW)


def test_a_nonce_lasts_as_long_as_its_announcement() -> None:
    """A run soon after a crash repeats the request; a later run makes a new one."""
    first = StoredSecrets(ONE).with_request("default", "1" * 32, NOW, 900)
    soon = first.with_request("default", "2" * 32, NOW + timedelta(seconds=899), 900)
    late = first.with_request("default", "3" * 32, NOW + timedelta(seconds=900), 900)

    assert (first.request, soon.request, late.request) == ("1" * 32, "1" * 32, "3" * 32)
    assert soon.secrets.rotating(NOW + timedelta(seconds=1_798))


def test_the_age_of_a_nonce_counts_from_its_first_announcement() -> None:
    """Further announcements do not extend it."""
    first = StoredSecrets(ONE).with_request("default", "1" * 32, NOW, 900)
    soon = first.with_request("default", "2" * 32, NOW + timedelta(seconds=800), 900)
    later = soon.with_request("default", "3" * 32, NOW + timedelta(seconds=1_600), 900)

    assert (soon.request, later.request) == ("1" * 32, "3" * 32)
    assert later.requested_at == NOW + timedelta(seconds=1_600)


def test_a_nonce_of_unknown_age_is_not_used_again() -> None:
    """An older version of the command line wrote no time."""
    old = StoredSecrets.parse(f"# rotating until 2027-01-01T00:00:00Z\n# request {NONCE}\nword\n")

    assert old.request == NONCE
    assert old.with_request("default", "1" * 32, NOW, 900).request == "1" * 32


def test_a_stored_secret_ends_the_request() -> None:
    """The new secret is first, the old one gets an end, and no rotation is announced."""
    requested = StoredSecrets(ONE).with_request("default", NONCE, NOW, 900)
    updated = requested.with_secret("w1", "new", NOW, 60)

    assert updated.has_secret_of("w1", NOW)
    assert not updated.secrets.rotating(NOW)
    assert updated.secrets.current(NOW) == ("new", "word")
    assert updated.secrets.current(NOW + timedelta(seconds=60)) == ("new",)
