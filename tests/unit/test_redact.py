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
    """Signatures, tokens and keys are hidden in every form."""
    assert SIGNATURE not in clean_text(text, secret=f"!{SIGNATURE}!")


@pytest.mark.parametrize(
    "text",
    ["Invalid API key: not known", "Is run r1 there? No: it is gone", "gs://bucket/path.mp4"],
)
def test_ordinary_sentences_are_unchanged(text: str) -> None:
    """Text without secrets is unchanged."""
    assert text == clean_text(text)


def test_control_characters_become_spaces() -> None:
    """The result is one line without characters that forge a log line or hide text."""
    assert clean_text("a\r\nb\x00\x1b[31mc\u202ed\ud800") == "a b [31mc d"


@given(st.text(), st.integers(min_value=1, max_value=400))
def test_any_text_is_bounded_and_printable(text: str, limit: int) -> None:
    """The result is short and can be encoded as UTF-8."""
    cleaned = clean_text(text, limit=limit)

    assert len(cleaned) <= limit
    assert "\n" not in cleaned
    cleaned.encode()


HOSTILE = ["%3f", "?a", "?", "a=?", "token: ", "bearer ", "://", "sk_"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_text_beyond_the_scan_limit_is_not_scanned(piece: str) -> None:
    """The patterns see a bounded beginning of a huge body."""
    huge = piece * 100_000

    assert clean_text(huge, limit=len(huge)) == clean_text(huge[:8_192], limit=len(huge))


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_costs_at_most_quadratic_time(piece: str) -> None:
    """Four times the text costs sixteen times the work at most, with room for noise."""
    short, long = (_cost((piece * 8_192)[:size]) for size in (2_048, 8_192))

    assert long < 64 * max(short, 0.001)


def _cost(text: str) -> float:
    """Return the least CPU seconds of three runs."""

    def once() -> float:
        start = time.process_time()
        clean_text(text)
        return time.process_time() - start

    return min(once() for _ in range(3))


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
