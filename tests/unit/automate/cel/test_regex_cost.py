"""The cost of a regular expression, from how it is written."""

import pytest

from videovector_bridge.automate.cel.regex_cost import estimate_regex


@pytest.mark.parametrize(
    ("pattern", "places"),
    [
        ("", 0),
        ("abc", 3),
        ("a.c", 3),
        ("a*b+c?", 3),
        ("^a|b$", 2),
        ("[a-z]", 1),
        ("[^a]x", 3),
        ("[]]", 2),
        ("[[a-z]&&[^b]]", 1),
        (r"[\]a]b", 2),
        ("a{3}", 3),
        ("a{3,}", 3),
        ("a{0,5}", 5),
        ("a{0}", 1),
        ("(ab){3}", 6),
        ("((a{2}){3}){4}", 24),
        ("a{2}{3}", 6),
        ("(a|bc){10}d", 31),
        ("(a", 1),
        ("a)", 1),
        ("{3}", 0),
        ("a{x}", 4),
        (r"\.", 1),
        (r"\d{4}", 8),
    ],
)
def test_a_repetition_counts_as_often_as_it_may(pattern: str, places: int) -> None:
    """An upper bound of the simultaneous positions in a pattern."""
    assert estimate_regex(pattern).places == places


def test_classes_of_unicode_cost_most() -> None:
    """Patterns that cost more to compile cost more."""
    costs = [estimate_regex(p).compiling for p in ("a", "(?:a)", ".", "[^a]", r"\d", r"\w")]

    assert costs == sorted(costs)
    assert estimate_regex(r"[a\w]").compiling == estimate_regex(r"\w").compiling
    assert estimate_regex(r"\w{10}").compiling == 10 * estimate_regex(r"\w").compiling


def test_a_call_costs_to_compile_and_by_the_length_of_the_text() -> None:
    """The library compiles a pattern at each call."""
    pattern = estimate_regex("a[ab]{99}")

    assert pattern.work(0) >= pattern.compiling > 0
    assert pattern.work(20_000) - pattern.work(10_000) == pattern.work(10_000) - pattern.work(0)
    assert pattern.work(10_000) - pattern.work(0) >= 10_000 * 100 // 2
