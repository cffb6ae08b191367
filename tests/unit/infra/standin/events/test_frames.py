"""SSE frames."""

from hypothesis import given
from hypothesis import strategies as st

from infra.standin.events.frames import encode_frame, pad_frame, remove_id
from tests.support.standin_events import make_event


@given(st.text(max_size=60).filter(lambda text: "\n\n" not in text))
def test_any_data_fits_in_one_frame(text: str) -> None:
    """Data becomes data lines, and exactly one frame results."""
    frame = encode_frame("id", "type", text.encode())

    assert frame.count(b"\n\n") == 1
    assert remove_id(frame) == encode_frame(None, "type", text.encode())


@given(st.integers(300, 5_000))
def test_padding_reaches_the_requested_size(size: int) -> None:
    """The data of a padded event has exactly the requested number of bytes."""
    frame = pad_frame(encode_frame("i", "t", make_event("e").data()), size)

    assert len(frame.partition(b"data: ")[2].removesuffix(b"\n\n")) == size
