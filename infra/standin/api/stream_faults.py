"""The effect of a fault on the bytes of one stream. No I/O."""

import sys
from collections import deque
from collections.abc import Iterator

from infra.standin.events.frames import encode_frame, pad_frame, remove_id
from infra.standin.faults import Fault

_ERROR_DATA = b'{"code":"stream_terminated","message":"The stream terminated unexpectedly"}'
_ENDLESS = sys.maxsize


class StreamFault:
    """Counts the events and bytes sent on a connection, and applies the fault when it is due.

    `ended`: send nothing more. `broken`: also leave the response unfinished.
    """

    def __init__(self, fault: Fault | None) -> None:
        self._fault = fault
        self._sent_events = 0
        self._sent_bytes = 0
        self._tail: deque[bytes] = deque(maxlen=fault.n if fault else 0)
        self._frames_left = fault.n if fault else 0
        self.ended = False
        self.broken = False
        self.reset = fault is not None and fault.reset
        self.stall_seconds = 0.0

    def before_frames(self) -> Iterator[bytes]:
        """Yield the bytes to send before the next frame. May end the stream or request a stall."""
        fault = self._due()
        if fault is None:
            return
        if fault.kind == "garbage":
            yield fault.raw.encode()
        elif fault.kind == "duplicate":
            yield b"".join(self._tail)
        elif fault.kind == "stream_error":
            yield encode_frame(None, "processing.stream_error", _ERROR_DATA)
            self.ended = True
        elif fault.kind == "stall":
            self.stall_seconds = fault.seconds
        elif fault.kind == "cut" and fault.after_bytes is None and not fault.mid_frame:
            self._cut(fault)
        else:
            return  # applies to the next frame, or at a number of bytes
        self._fault = None

    def take_stall(self) -> float:
        """Return the seconds of the stall that is due, and reset it."""
        seconds, self.stall_seconds = self.stall_seconds, 0.0
        return seconds

    def frames_until_next(self) -> int:
        """Return the maximum number of frames for the next `change_frames`."""
        fault = self._fault
        if fault is None:
            return _ENDLESS
        if self._sent_events < fault.after_events:
            return fault.after_events - self._sent_events
        if fault.kind in ("oversize", "no_id", "drip") or fault.mid_frame:
            return 1
        return _ENDLESS

    def change_frames(self, data: bytes, count: int) -> bytes:
        """Return the frames, changed by the fault if it is due."""
        fault = self._due()
        self._sent_events += count
        if self._fault is not None and self._fault.kind == "duplicate":
            self._tail.extend(piece + b"\n\n" for piece in data.split(b"\n\n")[:-1])
        if fault is None:
            return data
        if fault.kind == "oversize":
            self._fault = None
            return pad_frame(data, fault.bytes)
        if fault.kind == "no_id":
            self._frames_left -= 1
            if self._frames_left <= 0:
                self._fault = None
            return remove_id(data)
        if fault.kind == "cut" and fault.mid_frame:
            self._cut(fault)
            self._fault = None
            return data[: len(data) // 2]
        return data

    def truncate(self, data: bytes) -> bytes:
        """Return the part of `data` before a cut at a number of bytes."""
        fault = self._fault
        if fault is None or fault.kind != "cut" or fault.after_bytes is None:
            return data
        remaining = fault.after_bytes - self._sent_bytes
        self._sent_bytes += len(data)
        if len(data) < remaining:
            return data
        self._cut(fault)
        self._fault = None
        return data[:remaining]

    def drip(self, data: bytes) -> Fault | None:
        """Return the fault if it drips these bytes."""
        fault = self._fault
        if fault is None or fault.kind != "drip" or self._sent_events <= fault.after_events:
            return None
        if fault.n and data.startswith((b"id:", b"event:")):
            self._frames_left -= 1
            if self._frames_left <= 0:
                self._fault = None
        return fault

    def _due(self) -> Fault | None:
        fault = self._fault
        return fault if fault is not None and self._sent_events >= fault.after_events else None

    def _cut(self, fault: Fault) -> None:
        self.ended = True
        self.broken = not fault.clean
