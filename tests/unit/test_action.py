"""What is common to all actions."""

from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.automate.action import effect_key


@given(st.text(min_size=1, max_size=100), st.text(alphabet="!~a", min_size=1, max_size=900))
def test_the_key_of_an_effect_fits_a_header(automation: str, event_id: str) -> None:
    """Whatever the automation is called, the id can be an attribute and a header."""
    key = effect_key(automation, event_id)

    assert key.isascii()
    assert key.isprintable()
    assert len(key) <= 1_024
    assert key != effect_key(automation + "x", event_id)
