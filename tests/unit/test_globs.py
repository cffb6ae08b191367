"""Which event types a glob can match."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.automate.globs import can_match
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
        ("bridge.stream.gap", True),
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
    """Documented types, and whatever begins as types that nobody lists."""
    assert can is can_match(glob, DOCUMENTED_TYPES, OPEN_PREFIXES)


@given(st.text("ab*?[!]", max_size=8), st.text("ab", max_size=3), st.text("ab", min_size=1))
def test_a_glob_that_fits_is_never_called_idle(glob: str, prefix: str, rest: str) -> None:
    """Whatever `fnmatch` says fits, can match."""
    if fnmatchcase(prefix + rest, glob):
        assert can_match(glob, (), (prefix,))
