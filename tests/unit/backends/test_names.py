"""`backends.names`: any text becomes a safe and readable name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.backends.names import safe_name

# Names in the neighbourhood of the encoding's own marks, and anything else.
TRICKY = st.text(st.sampled_from("%-_./2E5F\u00e9\ud800"), max_size=12)
ANY = st.one_of(TRICKY, st.text(max_size=60), st.characters().map(lambda c: c * 700))


@pytest.mark.parametrize("name", ["default", "marker:run:abc-1_2", "v1.2", "me@example.com"])
def test_plain_names_are_unchanged(name: str) -> None:
    """An operator can look for them in the console."""
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "%"),
        (".", "%2E"),
        ("..", "%2E."),
        ("__x__", "%5F_x__"),
        ("a/b", "a%2Fb"),
        ("100%", "100%25"),
        ("\u00e9", "%C3%A9"),
    ],
)
def test_other_names_are_encoded_readably(text: str, name: str) -> None:
    """These names are in databases, so they must not change."""
    assert safe_name(text) == name


@given(ANY, st.sampled_from([255, 1_500]))
def test_every_name_is_legal(text: str, limit: int) -> None:
    """Firestore and file systems accept every name."""
    name = safe_name(text, limit)

    assert re.fullmatch(r"[A-Za-z0-9_.:@~+=,%-]+", name)
    assert len(name) <= limit
    assert name not in (".", "..")
    assert not re.fullmatch(r"__.*__", name)


@given(ANY, ANY)
def test_different_texts_have_different_names(one: str, other: str) -> None:
    """No two documents have the same name."""
    assert (safe_name(one) == safe_name(other)) == (one == other)


def test_long_names_keep_their_start_and_differ() -> None:
    """A long name is readable at its start, and its end matters too."""
    one, other = safe_name("run/" + "x" * 2_000), safe_name("run/" + "x" * 1_999 + "y")

    assert one.startswith("run%2Fxxx")
    assert len(one) == 1_500
    assert one != other
