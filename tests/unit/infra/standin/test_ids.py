"""Event ids."""

from hypothesis import given
from hypothesis import strategies as st

from infra.standin.ids import EventIds


@given(st.integers(1, 2**40), st.integers())
def test_an_event_id_leads_back_to_its_sequence_number(sequence: int, seed: int) -> None:
    """The map is one to one for every seed."""
    ids = EventIds(seed)

    assert ids.sequence(ids.of(sequence)) == sequence
