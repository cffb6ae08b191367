"""`cli.stored_secrets`: the text of a store, and what it says about the webhook."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.secret_rotation import NOW
from videovector_bridge.cli.webhook.stored_secrets import StoredSecrets
from videovector_bridge.errors import SettingsError
from videovector_bridge.webhook_secrets import WebhookSecret, WebhookSecrets

NONCE = "0123456789abcdef" * 2  # pragma: allowlist secret
ONE = WebhookSecrets((WebhookSecret("word"),))
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1)


def test_the_text() -> None:
    """Our lines are comments to those who only read the secrets."""
    stored = StoredSecrets(ONE, "default", "w 1", NONCE, NOW)
    text = f"# webhook default w%201\n# request {NONCE} 2026-01-02T03:04:05Z\nword\n"

    assert text == stored.render()
    assert stored == StoredSecrets.parse(text)
    assert WebhookSecrets.parse(text) == ONE


@given(name=WORDS, webhook_id=WORDS | st.just(""))
def test_any_name_and_id_come_back(name: str, webhook_id: str) -> None:
    """Whatever an id looks like, it stays on its line."""
    stored = StoredSecrets(ONE, name, webhook_id, NONCE)

    assert stored == StoredSecrets.parse(stored.render())


@pytest.mark.parametrize("text", ["", "\n", "# written by hand\n", "# webhook a b c\n"])
def test_other_comments_mean_nothing(text: str) -> None:
    """An empty store says nothing, and so do comments of others."""
    assert StoredSecrets() == StoredSecrets.parse(text)


def test_wrong_lines_are_named() -> None:
    """What is no line of a store is an error that does not quote it."""
    with pytest.raises(SettingsError) as caught:
        StoredSecrets.parse("one two three\n")

    assert "two" not in str(caught.value)


@pytest.mark.parametrize(
    ("stored", "known"),
    [
        (StoredSecrets(), False),
        (StoredSecrets(ONE), True),
        (StoredSecrets(ONE, "default", "w1"), True),
        (StoredSecrets(ONE, "default", "w2"), False),
        (StoredSecrets(ONE, "default", "w1", NONCE), False),
        (StoredSecrets(WebhookSecrets((WebhookSecret("word", NOW),)), "default", "w1"), False),
    ],
)
def test_when_the_secret_is_known(stored: StoredSecrets, known: bool) -> None:  # noqa: FBT001 - a table's
    """It is, if it holds now, is that webhook's as far as is said, and no newer one may exist."""
    assert known == stored.knows("w1", NOW)


def test_a_nonce_lasts_as_long_as_its_announcement() -> None:
    """A run that follows a crash soon asks again for the same; one that comes late asks anew."""
    first = StoredSecrets(ONE).announced("default", "1" * 32, NOW, 900)
    soon = first.announced("default", "2" * 32, NOW + timedelta(seconds=899), 900)
    late = first.announced("default", "3" * 32, NOW + timedelta(seconds=900), 900)

    assert (first.request, soon.request, late.request) == ("1" * 32, "1" * 32, "3" * 32)
    assert soon.secrets.rotating(NOW + timedelta(seconds=1_798))


def test_a_nonce_does_not_grow_older_than_that() -> None:
    """However often it was announced again: its age counts from the first time."""
    first = StoredSecrets(ONE).announced("default", "1" * 32, NOW, 900)
    soon = first.announced("default", "2" * 32, NOW + timedelta(seconds=800), 900)
    later = soon.announced("default", "3" * 32, NOW + timedelta(seconds=1_600), 900)

    assert (soon.request, later.request) == ("1" * 32, "3" * 32)
    assert later.requested_at == NOW + timedelta(seconds=1_600)


def test_a_nonce_of_unknown_age_is_not_used_again() -> None:
    """As an older version of this command line left it."""
    old = StoredSecrets.parse(f"# rotating until 2027-01-01T00:00:00Z\n# request {NONCE}\nword\n")

    assert old.request == NONCE
    assert old.announced("default", "1" * 32, NOW, 900).request == "1" * 32


def test_what_is_learned_ends_the_request() -> None:
    """The new secret is first, the old one ends, and nothing is under way."""
    asked = StoredSecrets(ONE).announced("default", NONCE, NOW, 900)
    learned = asked.learned("w1", "new", NOW, 60)

    assert learned.knows("w1", NOW)
    assert not learned.secrets.rotating(NOW)
    assert learned.secrets.current(NOW) == ("new", "word")
    assert learned.secrets.current(NOW + timedelta(seconds=60)) == ("new",)
