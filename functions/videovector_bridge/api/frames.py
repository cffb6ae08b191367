"""Decode the bytes of an event stream into frames: a state machine without I/O.

Decoding follows https://html.spec.whatwg.org/multipage/server-sent-events.html, through httpx-sse.
Bytes are collected into runs of whole frames. Frames in the form that VideoVector sends are cut out
of a run as bytes; httpx-sse, which works on text, decodes the rest of the run at once
(docs/adr/20261128-plain-frames.md).
"""

import codecs
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import httpx
from httpx_sse import EventSource, ServerSentEvent

PART_BYTES: Final = 1_048_576

# Every blank line contains one of these, or b"\n\n".
_RARE_BLANK_LINES: Final = (b"\n\r", b"\r\r")
_WITHOUT_DATA: Final = b"data\n\n"
# A plain frame: an id, an event name and one line of data; for runs without CR and NUL. `?+` takes
# a space for good: it belongs to the value only if it is the second one.
_PLAIN: Final = re.compile(
    rb"(?:event:[^\n]*\n)?(?:id: ?+([^\n]*)\n)?(?:event:[^\n]*\n)?data: ?+([^\n]+)\n\n"
)
# ASCII digits only; httpx-sse accepts others.
_RETRY: Final = re.compile(rb"(?:^|[\r\n])retry: ?([0-9]+)(?=[\r\n])")
_RETRY_DIGITS: Final = 9
_RETRY_CAP: Final = 86_400_000  # milliseconds
_PIECE_BYTES: Final = 65_536
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_COMMENT: Final = re.compile(rb"(?:\A|[\r\n]):")
_LINE_STARTS: Final = (b"", b"\n", b"\r")  # the byte before a line
_MAX_NAME_BYTES: Final = 16  # longer than the name of any field in use
_MAX_ID_BYTES: Final = 8_192  # longer than any id that a request can carry


class Frame(NamedTuple):
    """One frame of the stream.

    `data` is the value of its `data` lines, byte for byte; empty: only the position changes.
    `last_event_id` is the last event id after the frame, `""` before the first `id:`.
    """

    data: bytes
    last_event_id: str


class FramePart(NamedTuple):
    """A part of a frame larger than `MAX_FRAME_BYTES`; `number` counts from 1.

    All parts but the last have `PART_BYTES` bytes. `last_event_id` is final in the last part; the
    others have the id known so far.
    """

    data: bytes
    last_event_id: str
    number: int
    last: bool


class FrameDecoder:
    """Decodes the bytes of one connection, in pieces of any size, into frames.

    Buffers at most `max_frame_bytes` of a frame, and one piece; a larger frame is returned in
    parts. For a frame that contains the bytes `alarm`, `failure_of` gets the event name and the
    data. If it returns an error, the error becomes `failure`, and nothing after it is decoded.
    `retry_milliseconds` is the value of the last `retry:`. `heartbeats` counts comments between
    frames. One that arrives in the same piece as the end of a frame may not count.
    """

    def __init__(
        self,
        max_frame_bytes: int,
        alarm: bytes,
        failure_of: Callable[[str, bytes], Exception | None],
    ) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._alarm = alarm
        self._failure_of = failure_of
        self._head: bytes | None = b""  # may still become a byte order mark
        self._begun: list[bytes] = []  # the beginning of a frame
        self._begun_bytes = 0
        self._before = b""  # the byte before the next piece: a blank line may span two pieces
        self._large: _LargeFrame | None = None
        self._last_id = ""
        self._begun_comments = 0  # that are counted before their blank line arrives
        self.retry_milliseconds: int | None = None
        self.heartbeats = 0
        self.failure: Exception | None = None

    def feed(self, data: bytes) -> list[Frame | FramePart]:
        """Return the frames and parts that `data` completes, in order.

        The bytes after the last blank line of a connection are not a frame and never returned.
        """
        frames: list[Frame | FramePart] = []
        for start in range(0, len(data), _PIECE_BYTES):
            piece = data[start : start + _PIECE_BYTES]
            if self._head is not None:
                piece = self._without_mark(piece)
            while piece and self.failure is None:
                if self._large is None:
                    piece = self._feed_frames(piece, frames)
                else:
                    piece = self._feed_large(self._large, piece, frames)
        return frames

    def _without_mark(self, piece: bytes) -> bytes:
        assert self._head is not None
        self._head += piece
        if len(self._head) < len(codecs.BOM_UTF8) and codecs.BOM_UTF8.startswith(self._head):
            return b""
        piece, self._head = self._head.removeprefix(codecs.BOM_UTF8), None
        return piece

    def _feed_frames(self, piece: bytes, frames: list[Frame | FramePart]) -> bytes:
        """Decode the frames that end in `piece`; return the beginning of a frame too large."""
        text = self._before + piece
        end = text.rfind(b"\n\n")
        if b"\r" in text:  # rare; a search for one byte is fast
            end = max([end, *(text.rfind(blank) for blank in _RARE_BLANK_LINES)])
        at_line_start = self._before in _LINE_STARTS
        self._before = piece[-1:]
        if end >= 0:
            length = end + 2 - (len(text) - len(piece))
            self._begun.append(piece[:length])
            before = len(frames)
            run = b"".join(self._begun)
            self._decode(run, frames)
            if len(frames) == before:
                self.heartbeats += len(_COMMENT.findall(run)) - self._begun_comments
            self._begun, self._begun_bytes, self._begun_comments = [], 0, 0
            piece = piece[length:]
        elif at_line_start and piece[:1] == b":":
            # A server may send comments without a blank line.
            self._begun_comments += 1
            self.heartbeats += 1
        self._begun.append(piece)
        self._begun_bytes += len(piece)
        if self._begun_bytes <= self._max_frame_bytes:
            return b""
        self._large = _LargeFrame(self._last_id)
        begun = b"".join(self._begun)
        self._begun, self._begun_bytes, self._begun_comments = [], 0, 0
        return begun

    def _feed_large(
        self, large: "_LargeFrame", piece: bytes, frames: list[Frame | FramePart]
    ) -> bytes:
        rest = large.feed(piece)
        frames += large.pop_parts(self._max_frame_bytes)
        if rest is None:
            return b""
        self._large, self._last_id, self._before = None, large.last_id, b""
        return rest

    def _decode(self, run: bytes, frames: list[Frame | FramePart]) -> None:
        """Decode a run of whole frames, up to the first `failure`."""
        alarmed = self._alarm in run
        plain = not alarmed and b"\r" not in run and b"\0" not in run and self._last_id.isascii()
        at = self._decode_plain(run, frames) if plain else 0
        if at < len(run):
            self._decode_any(run[at:], frames, alarmed=alarmed)
        if b"retry" in run and (values := _RETRY.findall(run)):
            digits = values[-1].lstrip(b"0") or b"0"
            self.retry_milliseconds = int(digits) if len(digits) <= _RETRY_DIGITS else _RETRY_CAP

    def _decode_plain(self, run: bytes, frames: list[Frame | FramePart]) -> int:
        """Decode the plain frames with ASCII ids at the start of `run`; return where they end."""
        at, last_id = 0, self._last_id
        while frame := _PLAIN.match(run, at):
            sse_id, data = frame.groups()
            if len(data) > self._max_frame_bytes:
                break
            if sse_id is not None:
                if not sse_id.isascii():
                    break
                last_id = sse_id.decode("latin-1")
            frames.append(Frame(data, last_id))
            at = frame.end()
        self._last_id = last_id
        return at

    def _decode_any(self, run: bytes, frames: list[Frame | FramePart], *, alarmed: bool) -> None:
        """Decode a run of frames in any form, up to the first `failure`."""
        last_id = self._last_id
        for sse in _events(run, last_id):
            data = sse.data.encode("latin-1")
            if alarmed and len(data) <= self._max_frame_bytes:
                self.failure = self._failure_of(sse.event, data)
                if self.failure is not None:
                    break
            # After the first id, httpx-sse turns a heartbeat into an empty frame.
            if data or (sse.id and sse.id != last_id):
                frame = Frame(data, sse.id if sse.id.isascii() else _utf8(sse.id))
                if len(data) <= self._max_frame_bytes:
                    frames.append(frame)
                else:
                    frames += _split(frame)
            last_id = sse.id
        self._last_id = last_id


def _split(frame: Frame) -> list[FramePart]:
    """Split a frame that is in memory into parts."""
    starts = range(0, len(frame.data), PART_BYTES)
    return [
        FramePart(
            frame.data[start : start + PART_BYTES],
            frame.last_event_id,
            start // PART_BYTES + 1,
            start + PART_BYTES >= len(frame.data),
        )
        for start in starts
    ]


class _LargeFrame:
    """Decodes one frame, piece by piece; buffers less than one part and one piece of it.

    `last_id` is the last event id, its bytes as Latin-1, as in `FrameDecoder`.
    """

    def __init__(self, last_id: str) -> None:
        self.last_id = self._first_id = last_id
        self._name = b""  # of the field on the current line
        self._in_value = False
        self._at_value_start = False
        self._id_line = b""
        self._data = bytearray()
        self._data_lines = 0
        self._number = 0
        self._after_cr = False
        self._over = False

    def feed(self, piece: bytes) -> bytes | None:
        """Add a piece; return the rest of it after the frame, None while the frame continues."""
        at = 0
        if self._after_cr and piece[:1] == b"\n":
            at = 1
        self._after_cr = False
        while at < len(piece):
            end = _LINE_END.search(piece, at)
            text = piece[at : end.start() if end else len(piece)]
            if text:
                self._add(text)
            if end is None:
                return None
            at = end.end()
            self._after_cr = end[0] == b"\r" and at == len(piece)
            if not self._name and not self._in_value:
                self._over = True
                return piece[at:]
            self._end_line()
        return None

    def pop_parts(self, max_frame_bytes: int) -> list[Frame | FramePart]:
        """Remove and return the complete parts; after the end of the frame, all parts.

        A frame that is large only by its comments is returned whole.
        """
        parts: list[Frame | FramePart] = []
        if self._over and self._number == 0 and len(self._data) <= max_frame_bytes:
            if self._data or (self.last_id and self.last_id != self._first_id):
                parts.append(Frame(bytes(self._data), _utf8(self.last_id)))
            self._data.clear()
        # Without one more byte than a part, the part might be the last.
        while len(self._data) > PART_BYTES or (self._over and self._data):
            data = bytes(self._data[:PART_BYTES])
            del self._data[:PART_BYTES]
            self._number += 1
            last = self._over and not self._data
            parts.append(FramePart(data, _utf8(self.last_id), self._number, last))
        return parts

    def _add(self, text: bytes) -> None:
        """Add a piece of one line."""
        if not self._in_value:
            name, colon, value = (self._name + text).partition(b":")
            self._name = name[: _MAX_NAME_BYTES + 1]
            if not colon:
                return
            self._begin_value()
            text = value
        if self._at_value_start and text:
            self._at_value_start = False
            text = text.removeprefix(b" ")
        if self._name == b"data":
            self._data += text
        elif self._name == b"id" and len(self._id_line) <= _MAX_ID_BYTES:
            self._id_line += text

    def _begin_value(self) -> None:
        self._in_value = self._at_value_start = True
        if self._name == b"data":
            if self._data_lines:
                self._data += b"\n"
            self._data_lines += 1

    def _end_line(self) -> None:
        if not self._in_value:  # a field without a colon has an empty value
            self._begin_value()
        if self._name == b"id" and b"\0" not in self._id_line:
            self.last_id = self._id_line.decode("latin-1")
        self._name, self._id_line = b"", b""
        self._in_value = self._at_value_start = False


def _events(run: bytes, last_id: str) -> Iterator[ServerSentEvent]:
    # Latin-1 preserves every byte through httpx-sse, which works on text. It also overrides a
    # charset in the response: an event stream is always UTF-8. The last event id precedes the run,
    # and an event without data follows it, which then has the new last event id.
    ahead = b"id: " + last_id.encode("latin-1") + b"\n" if last_id else b""
    response = httpx.Response(
        200,
        headers={"Content-Type": "text/event-stream"},
        content=ahead + run + _WITHOUT_DATA,
        default_encoding="latin-1",
    )
    return EventSource(response).iter_sse()


def _utf8(last_event_id: str) -> str:
    return last_event_id.encode("latin-1").decode("utf-8", errors="replace")
