"""Property: however the network cuts the bytes, the frames are those of the WHATWG rules."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videovector_bridge.api.frames import Frame, FrameDecoder, FramePart


@pytest.fixture(autouse=True, scope="module")
def small_parts() -> Iterator[None]:
    """Parts of seven bytes, so that large frames have several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("videovector_bridge.api.frames.PART_BYTES", 7)
        yield


_PIECES = st.sampled_from(
    [
        *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"),
        *(b"data", b"data:", b"data: ", b"id:", b"id: ", b"id", b"event:", b":", b" ", b"retry: 0"),
        *(b"x", b"1", b"2", b"\0", b"\xff", b"\x85", b"\x80", b"\xef\xbb\xbf", b"\xef"),
        *("é".encode(), "😀".encode(), "\u2028".encode(), "\u0085".encode(), b"\x0b", b"\x1c"),
        *(b"data: a\n\n", b"id: 3\ndata: b\n\n", b": heartbeat\n\n", b"id: 4\n\n"),
        *(b"id: 5\nevent: e\ndata: c\n\n", b"event:e\nid:6\ndata:d\n\n"),
    ]
)
BODIES = st.lists(_PIECES, max_size=40).map(b"".join)


def frames_by_the_rules(body: bytes) -> list[Frame]:
    """Section 9.2.6 of the HTML standard, word for word, on the whole body at once."""
    lines = re.split(rb"\r\n|\n|\r", body.removeprefix(b"\xef\xbb\xbf"))[:-1]
    frames: list[Frame] = []
    data: list[bytes] = []
    last_id = sent = b""
    for line in lines:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            joined = b"\n".join(data)
            # Beyond the standard: a frame without data tells that the position moved.
            if joined or (last_id and last_id != sent):
                sent = last_id
                frames.append(Frame(joined, last_id.decode(errors="replace")))
            data = []
        elif name == b"data":
            data.append(value)
        elif name == b"id" and b"\0" not in value:
            last_id = value
    return frames


def frames_in_pieces(pieces: list[bytes], limit: int) -> list[Frame]:
    """Return the frames that the bridge decodes from these pieces, with large frames joined."""
    decoder = FrameDecoder(limit, b"processing.stream_error", lambda _event, _data: None)
    frames: list[Frame] = []
    parts: list[FramePart] = []
    for frame in (frame for piece in pieces for frame in decoder.feed(piece)):
        if isinstance(frame, Frame):
            assert not parts, "a frame within a large frame"
            frames.append(frame)
            continue
        parts.append(frame)
        if frame.last:
            frames.append(Frame(b"".join(part.data for part in parts), frame.last_event_id))
            parts = []
    return frames


@settings(max_examples=300)
@given(body=BODIES, data=st.data(), limit=st.sampled_from([1, 5, 20, 10_000]))
def test_rechunking_never_changes_frames(body: bytes, data: st.DataObject, limit: int) -> None:
    """Any body, cut anywhere, gives the frames of the standard, large ones included."""
    places = st.lists(st.integers(0, len(body)), max_size=12).map(sorted)
    cuts = [0, *data.draw(places), len(body)]
    pieces = [body[a:b] for a, b in pairwise(cuts)]

    assert frames_in_pieces(pieces, limit) == frames_by_the_rules(body)


@settings(max_examples=100)
@given(body=st.binary(max_size=200), limit=st.sampled_from([1, 10_000]))
def test_any_bytes_are_frames(body: bytes, limit: int) -> None:
    """No body makes the parser fail, or differ from the standard."""
    assert frames_in_pieces([body], limit) == frames_by_the_rules(body)
