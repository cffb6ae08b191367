"""The effect of faults on the bytes of a stream."""

from hypothesis import given
from hypothesis import strategies as st

from infra.standin.api.stream_faults import StreamFault
from infra.standin.faults import Fault


@given(st.integers(0, 12), st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_a_cut_at_bytes_is_exact_for_any_write_sizes(limit: int, sizes: list[int]) -> None:
    """The stream never sends more than the limit, and breaks when it reaches it."""
    fault = StreamFault(Fault(kind="cut", after_bytes=limit))
    sent = 0
    for size in sizes:
        if not fault.ended:
            sent += len(fault.truncate(b"x" * size))

    assert sent == min(limit, sum(sizes))
    assert fault.broken == (sum(sizes) >= limit)
