"""`api.frames`: decoding by the WHATWG rules, in pieces of any size and frames of any size."""

import hashlib

import pytest

from tests.support.reading import parsed, read
from tests.support.upstream import NO_CONTENT, Response, Upstream, event_stream
from videovector_bridge.api.frames import PART_BYTES, Frame, FrameDecoder, FramePart

# The examples of https://html.spec.whatwg.org/multipage/server-sent-events.html, and its rules.
CASES: dict[str, tuple[bytes, list[tuple[bytes, str]]]] = {
    "three lines of data": (b"data: YHOO\ndata: +2\ndata: 10\n\n", [(b"YHOO\n+2\n10", "")]),
    "comment, ids, reset": (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third\n\n",
        [(b"first event", "1"), (b"second event", ""), (b" third", "")],
    ),
    "empty data": (b"data\n\ndata\ndata\n\ndata:", [(b"\n", "")]),
    "one space only": (b"data:test\n\ndata: test\n\n", [(b"test", ""), (b"test", "")]),
    "carriage returns": (b"data: a\r\rdata: b\rid: 2\r\r", [(b"a", ""), (b"b", "2")]),
    "both": (b"data: a\r\n\r\ndata: b\r\nid: 2\r\n\r\n", [(b"a", ""), (b"b", "2")]),
    "mixed": (b"data: a\r\n\rdata: b\n\r\ndata: c\r\n\n", [(b"a", ""), (b"b", ""), (b"c", "")]),
    "mixed within": (b"data: a\rdata: b\ndata: c\r\n\r", [(b"a\nb\nc", "")]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [(b"a", "")]),
    "only one of them": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [(b"b", "")]),
    "mark within": (b"data: \xef\xbb\xbfa\n\n", [(b"\xef\xbb\xbfa", "")]),
    "heartbeats": (b"id: 1\ndata: a\n\n: hb\n\n:\n\n\n\n: hb\n\n", [(b"a", "1")]),
    "id alone": (b"id: 1\n\nid: 1\n\nid: 2\n\n", [(b"", "1"), (b"", "2")]),
    "sticky id": (b"id: 1\ndata: a\n\ndata: b\n\n", [(b"a", "1"), (b"b", "1")]),
    "id with nul": (b"id: 1\n\nid: 2\0\ndata: a\n\n", [(b"", "1"), (b"a", "1")]),
    "bare id": (b"id: 1\ndata: a\n\nid\n\ndata: b\n\n", [(b"a", "1"), (b"b", "")]),
    "last id counts": (b"id: 1\nid: 2\ndata: a\n\n", [(b"a", "2")]),
    "unterminated": (b"data: a\n\nid: 2\ndata: b\n", [(b"a", "")]),
    "unterminated line": (b"data: a\n\nid: 2\ndata: b", [(b"a", "")]),
    "unknown fields": (b"colour: red\ndata: a\nDATA: b\n data: c\n\n", [(b"a", "")]),
    "fields without colon": (b"data\ncolour\nevent\ndata\n\n", [(b"\n", "")]),
    "colons in data": (b'data: {"a": 1}\n\ndata:::\n\n', [(b'{"a": 1}', ""), (b"::", "")]),
    "event without data": (b"event: x\n\ndata: a\n\n", [(b"a", "")]),
    "utf-8": ("data: é😀\nid: ü\n\n".encode(), [("é😀".encode(), "ü")]),
    "no line breaks": (
        "data: a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\n\n".encode(),
        [("a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg".encode(), "")],
    ),
    "not utf-8": (b"data: \xff\xfe\x80\x85\xc3\n\n", [(b"\xff\xfe\x80\x85\xc3", "")]),
    "nul in data": (b"data: a\0b\n\n", [(b"a\0b", "")]),
    "bad retry": (b"retry: soon\nretry: -5\nretry:\ndata: a\n\n", [(b"a", "")]),
    "plain": (
        b"id: 1\nevent: e\ndata: a\n\nid:2\nevent:e\ndata:b\n\nevent: e\nid: 3\ndata: c\n\n",
        [(b"a", "1"), (b"b", "2"), (b"c", "3")],
    ),
    "plain, then not": (
        b"id: 1\ndata: a\n\ndata: b\n\n: hb\n\ndata: c\nid: 2\n\nid: 3\ndata: d\n\n",
        [(b"a", "1"), (b"b", "1"), (b"c", "2"), (b"d", "3")],
    ),
    "plain, but spaces": (
        b"data: \n\ndata:  \n\ndata:\n\nid:  1 \ndata:   \n\nid: \ndata: a\n\n",
        [(b" ", ""), (b"  ", " 1 "), (b"a", "")],
    ),
    "plain, but ids": (
        "id: ü\ndata: a\n\nid: 1\0\ndata: b\n\n".encode(),
        [(b"a", "ü"), (b"b", "ü")],
    ),
    "huge retry": (b"retry: " + b"9" * 400 + b"\ndata: a\n\n", [(b"a", "")]),
}  # fmt: skip


HEARTBEATS: dict[str, tuple[list[bytes], int]] = {
    "blank lines": ([b": hb\n\n", b":\r\n\r\n", b":\r\r"], 3),
    "several at once": ([b": hb\n\n:\n\n: hb\n: second line\n\n"], 4),
    "no blank line": ([b": hb\n", b": hb\n", b":\n"], 3),
    "blank line later": ([b": hb\n", b"\n"], 1),
    "blank line after several": ([b": hb\n", b": hb\n", b": hb\n\n"], 3),
    "cut": ([b": h", b"b\n\n"], 1),
    "cut before the blank line": ([b":", b"hb", b"\n", b"\n"], 1),
    "colons in data": ([b"data: a\n\n", b"id: 1\ndata::b\n\n"], 0),
    "no comment": ([b"\n\n", b"retry: 5\n\n", b"event: x\n\n"], 0),
    "after a frame": ([b"data: a\n\n", b": hb\n\n"], 1),
    "within a large frame": ([b"data: " + b"a" * 2_000, b"\n:", b"b\n\n", b": hb\n\n"], 1),
    "byte order mark": ([b"\xef\xbb\xbf: hb\n\n"], 1),
}


@pytest.mark.parametrize("case", sorted(HEARTBEATS))
def test_comments_between_frames_are_heartbeats(case: str) -> None:
    """Each counts once, also a comment without a blank line."""
    pieces, expected = HEARTBEATS[case]
    decoder = FrameDecoder(1_000, b"alarm", lambda _event, _data: None)
    for piece in pieces:
        decoder.feed(piece)

    assert decoder.heartbeats == expected


@pytest.mark.parametrize("case", sorted(set(CASES) - {"huge retry"}))  # it ends the reading
def test_the_rules_hold_at_every_split(case: str) -> None:
    """At any split of the bytes in two, the frames are the same."""
    body, expected = CASES[case]
    for at in range(len(body) + 1):
        assert parsed([body[:at], body[at:]]) == expected, at


@pytest.mark.parametrize("case", sorted(set(CASES) - {"huge retry"}))
def test_the_rules_hold_byte_by_byte(case: str) -> None:
    """One byte at a time gives the same frames, with empty pieces between them too."""
    body, expected = CASES[case]

    assert parsed(body[at : at + 1] for at in range(len(body))) == expected
    assert parsed(body[at // 2 : at // 2 + at % 2] for at in range(2 * len(body))) == expected


def test_a_charset_in_the_response_is_ignored() -> None:
    """An event stream is always UTF-8."""
    headers = {"Content-Type": "Text/Event-Stream; charset=utf-16"}
    reading = read(Upstream(Response(["data: é\n\n".encode()], headers=headers), NO_CONTENT))

    assert [frame.data for frame in reading.frames] == ["é".encode()]


def test_the_limit_is_for_one_frame_only() -> None:
    """Any number of small frames and heartbeats pass, in pieces of any size."""
    body = b"".join([b": heartbeat\r\n\r\n" * 50, b"data: x\r\n\r\n", b":\n\n" * 50] * 100)
    for step in (len(body), 65_536, 999, 7):
        pieces = [body[at : at + step] for at in range(0, len(body), step)]
        reading = read(Upstream(event_stream(pieces), NO_CONTENT), limit=1_024)
        assert len(reading.frames) == 100


def decode(body: bytes, *, limit: int, step: int) -> tuple[list[Frame | FramePart], FrameDecoder]:
    """Decode a body that arrives in pieces of so many bytes."""
    decoder = FrameDecoder(limit, b"processing.stream_error", lambda _event, _data: None)
    frames: list[Frame | FramePart] = []
    for at in range(0, len(body), step):
        frames += decoder.feed(body[at : at + step])
    return frames, decoder


def joined(frames: list[Frame | FramePart]) -> bytes:
    """Join the data of the parts, which must be numbered from 1 to the last."""
    parts = [frame for frame in frames if isinstance(frame, FramePart)]
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert all(len(part.data) == PART_BYTES for part in parts[:-1])
    return b"".join(part.data for part in parts)


LINE = bytes(range(14, 256)) * 15_000  # 3.6 MB in one line, without an end of line


@pytest.mark.parametrize("step", [10**9, 65_536, 999])
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_a_frame_too_large_is_returned_in_parts(step: int, end: bytes) -> None:
    """Byte for byte, with its id, and the frames around it whole."""
    lines = [b"id: 1", b"data: a", b"", b"id: 2", b"data: " + LINE, b"data:tail", b""]
    body = end.join([*lines, b"data: b", b"", b""])
    frames, _ = decode(body, limit=100_000, step=step)

    assert frames[0] == Frame(b"a", "1")
    assert joined(frames[1:-1]) == LINE + b"\ntail"
    assert {frame.last_event_id for frame in frames[1:]} == {"2"}
    assert frames[-1] == Frame(b"b", "2")


def test_an_id_that_follows_the_data_is_the_id_of_the_last_part() -> None:
    """The order of the lines of a frame does not matter."""
    frames, _ = decode(b"id: 1\n\ndata: " + LINE + b"\nid: 2\n\n", limit=100_000, step=65_536)

    assert [frame.last_event_id for frame in frames] == ["1", "1", "1", "1", "2"]


def test_a_large_frame_that_breaks_off_has_no_last_part() -> None:
    """The bytes after the last blank line are not a frame; no part is marked as the last."""
    frames, _ = decode(b"id: 2\ndata: " + LINE + b"\n", limit=100_000, step=65_536)

    assert len(frames) == 3
    assert not any(frame.last for frame in frames if isinstance(frame, FramePart))


def test_comments_alone_do_not_make_a_frame_large() -> None:
    """A small event within megabytes of comments is one frame."""
    body = b": " + LINE + b"\nid: 1\ndata: a\n\n: " + LINE + b"\n\ndata: b\n\n"
    frames, _ = decode(body, limit=100_000, step=65_536)

    assert frames == [Frame(b"a", "1"), Frame(b"b", "1")]


def test_a_frame_larger_than_the_limit_that_only_resets_the_id_is_no_frame() -> None:
    """As with any other frame without data: an empty id is no position."""
    decoder = FrameDecoder(1, b"alarm", lambda _event, _data: None)

    frames = [decoder.feed(piece) for piece in (b"id: 3\ndata: b\n\n", b"id", b":\n\n")]

    assert frames == [[Frame(b"b", "3")], [], []]


@pytest.mark.parametrize("size", [1_024, 5_000, 70_000])
def test_the_limit_is_exact_for_the_data(size: int) -> None:
    """A frame of exactly the limit is whole, with one more byte in parts, in pieces of any size."""
    for step in (10**9, 1_000):
        for length in (size, size + 1):
            frames, _ = decode(b"data: " + b"x" * length + b"\n\n", limit=size, step=step)
            assert isinstance(frames[0], Frame) is (length == size)
            assert b"".join(frame.data for frame in frames) == b"x" * length


def test_a_large_frame_is_never_buffered_whole() -> None:
    """The decoder buffers at most the limit and one part."""
    decoder = FrameDecoder(100_000, b"alarm", lambda _event, _data: None)
    digest, piece = hashlib.sha256(), b"x" * 65_536
    decoder.feed(b"data: ")
    largest = 0
    for _ in range(640):  # 40 MB
        for frame in decoder.feed(piece):
            digest.update(frame.data)
        buffered = sum(map(len, decoder._begun))
        if decoder._large is not None:
            buffered += len(decoder._large._data)
        largest = max(largest, buffered)
    for frame in decoder.feed(b"\n\n"):
        digest.update(frame.data)

    assert largest <= 100_000 + PART_BYTES + len(piece)
    assert digest.hexdigest() == hashlib.sha256(piece * 640).hexdigest()


@pytest.mark.parametrize(
    ("line", "milliseconds"),
    [
        (b"retry: 2500", 2_500),
        (b"retry:0", 0),
        (b"retry: 007", 7),
        (b"retry: " + b"9" * 5_000, 86_400_000),
        (b"retry: -5", None),
        (b"retry: 1_000", None),
        (b"retry: +7", None),
        (b"retry:  7", None),
        (b"retry: 1.5", None),
        ("retry: \u0663".encode(), None),
        (b"retry", None),
        (b"data: retry: 7", None),
    ],
)
def test_retry_accepts_ascii_digits_only(line: bytes, milliseconds: int | None) -> None:
    """As in the standard, and not every digit that Python accepts."""
    _, decoder = decode(b"data: a\n" + line + b"\n\n", limit=10_000, step=10**9)

    assert decoder.retry_milliseconds == milliseconds
