"""`redact`: text from outside becomes short, printable and free of secrets."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.redact import HIDDEN, clean_json, clean_text

SIGNATURE = "deadbeefcafe0123"


@pytest.mark.parametrize(
    "text",
    [
        f"see https://storage.googleapis.com/b/o?X-Goog-Expires=60&X-Goog-Signature={SIGNATURE}",
        f"GET /b/o?X-Goog-Signature={SIGNATURE} failed",
        f"X-Goog-Signature={SIGNATURE}&x=1",
        f"https%3A%2F%2Fstorage%2Fo%3FX-Goog-Signature%3D{SIGNATURE}",
        f'{{"token": "{SIGNATURE}"}}',
        f"Authorization: Bearer {SIGNATURE}",
        f"key sk_{SIGNATURE} is unknown",
        f"secret whsec_{SIGNATURE}",
        f"https://user:{SIGNATURE}@host/path",
        f"the odd key !{SIGNATURE}!",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    """Signatures, tokens and keys do not survive, however they are written."""
    assert SIGNATURE not in clean_text(text, secret=f"!{SIGNATURE}!")


@pytest.mark.parametrize(
    "text",
    ["Invalid API key: not known", "Is run r1 there? No: it is gone", "gs://bucket/path.mp4"],
)
def test_ordinary_sentences_stay(text: str) -> None:
    """Text without secrets is left as it is."""
    assert text == clean_text(text)


def test_control_characters_become_spaces() -> None:
    """One line comes out, without anything that could forge a log line or hide text."""
    assert clean_text("a\r\nb\x00\x1b[31mc\u202ed\ud800") == "a b [31mc d"


@given(st.text(), st.integers(min_value=1, max_value=400))
def test_any_text_is_bounded_and_printable(text: str, limit: int) -> None:
    """Whatever comes in, what goes out is short and can be written as UTF-8."""
    cleaned = clean_text(text, limit=limit)

    assert len(cleaned) <= limit
    assert "\n" not in cleaned
    cleaned.encode()


@pytest.mark.parametrize("piece", ["%3f", "?a", "?", "a=?", "token: ", "bearer ", "://", "sk_"])
def test_hostile_text_costs_little(piece: str) -> None:
    """A body made to keep the patterns busy takes no more than a moment."""
    start = time.process_time()
    clean_text(piece * 100_000)

    assert time.process_time() - start < 1


def test_json_is_bounded_and_its_secrets_hidden() -> None:
    """Names like `signed_url` hide their value; depth, width and strings are bounded."""
    cleaned = clean_json(
        {
            "signed_url": "https://x",
            "deep": [[[["x"]]]],
            "wide": list(range(100)),
            "long": "y" * 1000,
            "n": None,
        }
    )

    assert cleaned["signed_url"] == HIDDEN
    assert cleaned["deep"] == [[["…"]]]
    assert len(cleaned["wide"]) == 20
    assert len(cleaned["long"]) == 300
    assert cleaned["n"] is None
