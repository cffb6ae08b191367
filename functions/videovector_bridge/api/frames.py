"""From the bytes of an event stream to its frames. Reads the answer; knows nothing of requests.

Parsing follows https://html.spec.whatwg.org/multipage/server-sent-events.html, through httpx-sse.
The bytes are taken in runs of whole frames, and each run is parsed at once: for a flood that takes
half the time of asking httpx-sse for one event after another as they come.
"""

import codecs
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Final, NamedTuple

import httpx
from httpx_sse import EventSource, ServerSentEvent

from videovector_bridge.errors import PermanentError

# Every blank line holds one of these.
_BLANK_LINES: Final = (b"\n\n", b"\n\r", b"\r\r")
_WITHOUT_DATA: Final = b"data\n\n"


class Frame(NamedTuple):
    """One frame of the stream.

    `data` is byte for byte what the lines held; empty: only the position moves.
    `last_event_id` is the id in force after the frame, `""` before the first `id:`.
    """

    data: bytes
    last_event_id: str


class FrameTooLarge(PermanentError):
    """One frame is larger than this process is allowed to hold in memory."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"A frame of the event stream is larger than {limit} bytes. The cursor stays before "
            f"it; raise MAX_FRAME_BYTES (and the function's memory) to take it in.",
            owner="user",
            code="frame_too_large",
        )


async def whole_frames(response: httpx.Response, max_frame_bytes: int) -> AsyncGenerator[bytes]:
    """Yield the answer's bytes in runs that end with a blank line, without a byte order mark.

    What follows the last blank line is no frame and is dropped. Raises `FrameTooLarge` when a
    frame grows beyond `max_frame_bytes`, and what httpx raises.
    """
    head: bytes | None = b""
    held: list[bytes] = []  # the beginning of a frame
    held_bytes = 0
    before = b""  # the byte before the chunk: a blank line may lie across two
    async for chunk in response.aiter_bytes():
        part = chunk
        if head is not None:
            head += chunk
            if len(head) < len(codecs.BOM_UTF8) and codecs.BOM_UTF8.startswith(head):
                continue
            part, head = head.removeprefix(codecs.BOM_UTF8), None
        text = before + part
        end = max([text.rfind(blank) for blank in _BLANK_LINES])
        before = part[-1:] or before
        if end >= 0:
            cut = end + 2 - (len(text) - len(part))
            held.append(part[:cut])
            yield b"".join(held)
            held, held_bytes, part = [], 0, part[cut:]
        held.append(part)
        held_bytes += len(part)
        if held_bytes > max_frame_bytes:
            raise FrameTooLarge(max_frame_bytes)


class FrameParser:
    """Frames out of runs of whole frames, one run after another.

    `failure_of` tells whether a frame that mentions `alarm` ends the stream, given its event and
    data. `retry_milliseconds` is what the last `retry:` said.
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
        self._last_id = ""
        self.retry_milliseconds: int | None = None
        self.failure: Exception | None = None

    def parse(self, run: bytes) -> list[Frame]:
        """The frames of a run, up to the first that is a `failure`. Heartbeats are none."""
        frames: list[Frame] = []
        alarmed = self._alarm in run
        last_id = self._last_id
        for sse in _events(run, last_id):
            if sse.retry is not None and sse.retry >= 0:
                self.retry_milliseconds = sse.retry
            data = sse.data.encode("latin-1")
            if len(data) > self._max_frame_bytes:
                self.failure = FrameTooLarge(self._max_frame_bytes)
                break
            if alarmed:
                self.failure = self._failure_of(sse.event, data)
                if self.failure is not None:
                    break
            # A heartbeat after the first id comes out of httpx-sse as an empty frame.
            if data or (sse.id and sse.id != last_id):
                frames.append(Frame(data, sse.id if sse.id.isascii() else _utf8(sse.id)))
            last_id = sse.id
        self._last_id = last_id
        return frames


def _events(run: bytes, last_id: str) -> Iterator[ServerSentEvent]:
    # Latin-1 keeps every byte through httpx-sse, which works on text; it also overrides a charset
    # in the answer, since an event stream is always UTF-8. The id in force goes ahead of the run,
    # and an event without data after it, to learn which is in force then.
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
