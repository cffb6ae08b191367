"""Which event types a glob can match."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.automate.automations.globs import can_match, covers
from videovector_bridge.automate.vocabulary import DOCUMENTED_TYPES, OPEN_PREFIXES


@pytest.mark.parametrize(
    ("glob", "can"),
    [
        ("prompt_run.failed", True),
        ("prompt_run.*", True),
        ("*.failed", True),
        ("*", True),
        ("processing.anything", True),
        ("processing.*failed", True),
        ("proc*x", True),
        ("?rocessing.x", True),
        ("[a-p]rocessing.[!y]", True),
        ("bridge.stream.gap", False),
        ("test", True),
        ("prompt_run.fail", False),
        ("Prompt_run.failed", False),
        ("processing.", False),
        ("processing", False),
        ("processing_*", False),
        ("runs.*", False),
        ("[q-z]rocessing.x", False),
    ],
)
def test_what_a_glob_can_match(glob: str, *, can: bool) -> None:
    """Documented types, and every type with a prefix of unlisted types."""
    assert can is can_match(glob, DOCUMENTED_TYPES, OPEN_PREFIXES)


@given(st.text("ab*?[!]", max_size=8), st.text("ab", max_size=3), st.text("ab", min_size=1))
def test_a_glob_that_fits_is_never_called_idle(glob: str, prefix: str, rest: str) -> None:
    """If `fnmatch` matches a type, the glob can match."""
    if fnmatchcase(prefix + rest, glob):
        assert can_match(glob, (), (prefix,))


@pytest.mark.parametrize(
    ("glob", "other", "covered"),
    [
        ("*", "prompt_run.*", True),
        ("prompt_run.*", "prompt_run.failed", True),
        ("prompt_run.*", "prompt_run.*", True),
        ("*failed", "prompt_run.*failed", True),
        ("a?c", "a?c", True),
        ("a?c", "abc", True),
        ("a?c", "a[xy]c", True),
        ("a[xy]c", "a[xy]c", True),
        ("a*", "a", True),
        ("prompt_run.failed", "prompt_run.*", False),
        ("abc", "a?c", False),
        ("a?", "a*", False),
        ("?", "", False),
        ("prompt_run.*", "processing.*", False),
    ],
)
def test_what_a_glob_covers(glob: str, other: str, *, covered: bool) -> None:
    """The glob matches everything that the other one matches."""
    assert covered is covers(glob, other)


@given(st.text("ab*?[!]", max_size=6), st.text("ab*?[!]", max_size=6), st.text("ab", max_size=5))
def test_a_glob_that_covers_another_fits_all_of_it(glob: str, other: str, text: str) -> None:
    """If `fnmatch` matches the other glob, it matches the covering one."""
    if covers(glob, other) and fnmatchcase(text, other):
        assert fnmatchcase(text, glob)
