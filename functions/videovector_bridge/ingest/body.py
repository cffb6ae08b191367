"""Read the body of a request within limits of memory and time. Blocks.

A sender is verified only after its body is read, so both are bounded before that.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Protocol

IN_FLIGHT_BYTES: Final = 40_000_000
"""Bytes of bodies that one instance reads or handles at once."""
SMALL_BYTES: Final = 65_536
SMALL_SHARE_BYTES: Final = 8_000_000
"""The part of the budget that only bodies of up to `SMALL_BYTES` may use, so that slow large bodies
do not exclude small ones. It is enough for one small body in each thread of the host."""
BODY_SECONDS: Final = 10.0
DISCARD_SECONDS: Final = 1.0
"""How long the rest of a refused body is read: a sender reads its response only after that."""

# The most that the host (gunicorn) reads ahead.
_PIECE_BYTES: Final = 1_048_576
_TICK_SECONDS: Final = 0.25
_DISCARD_BYTES: Final = 10_000_000
_DISCARDED_AT_ONCE: Final = 4


class BodyStream(Protocol):
    """The body of a request, as in WSGI."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; empty at the end."""
        ...


@dataclass(frozen=True, slots=True)
class UnreadableBody:
    """Why a body could not be read. `slow`: it took too long, and the sender may retry."""

    detail: str
    slow: bool = False


class BodyReader:
    """Reads bodies of a stated length, each within `seconds`. Threads share it."""

    def __init__(
        self,
        seconds: float = BODY_SECONDS,
        *,
        discard_seconds: float = DISCARD_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._discard_seconds = discard_seconds
        self._clock = clock
        self._watchdog = _Watchdog(clock)
        self._discarding = threading.BoundedSemaphore(_DISCARDED_AT_ONCE)

    def read(
        self, stream: BodyStream, length: int, connection: socket.socket | None
    ) -> bytes | UnreadableBody:
        """Return the body; read `length` bytes and never more.

        If the body takes too long, its `connection` is closed for reading, which ends a blocked
        read. `connection` is None if the host does not provide it.
        """
        ends_at = self._clock() + self._seconds
        pieces: list[bytes] = []
        left = length
        with self._watchdog.watching(connection, ends_at) as watched:
            try:
                while left and self._clock() < ends_at:
                    piece = stream.read(min(_PIECE_BYTES, left))
                    if not piece:
                        break
                    pieces.append(piece)
                    left -= len(piece)
            except Exception as error:  # noqa: BLE001  # each host has its own errors
                detail = f"the body is badly framed or broke off ({type(error).__name__})"
                return UnreadableBody(detail, slow=watched.late)
        if left:
            detail = f"{length - left:,} of {length:,} bytes of the body arrived"
            return UnreadableBody(detail, slow=watched.late or self._clock() >= ends_at)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def discard(self, stream: BodyStream, connection: socket.socket | None) -> None:
        """Read and discard the rest of a refused body for `discard_seconds`; then stop reading.

        Call it when the response is sent. Otherwise the host waits for the rest, in the one thread
        that accepts all connections: with gunicorn 27, 2 s for each silent sender.
        """
        if connection is None:
            return
        ends_at = self._clock() + self._discard_seconds
        with self._watchdog.watching(connection, ends_at), suppress(Exception):
            if self._discarding.acquire(timeout=self._discard_seconds):
                try:
                    left = _DISCARD_BYTES
                    while left > 0 and (piece := stream.read(SMALL_BYTES)):
                        left -= len(piece)
                finally:
                    self._discarding.release()
                if left > 0:  # the body has ended
                    return
            connection.shutdown(socket.SHUT_RD)


@dataclass(slots=True, eq=False)
class _Watched:
    connection: socket.socket | None
    ends_at: float
    late: bool = False


class _Watchdog:
    """Closes connections for reading at their deadlines.

    A socket timeout is not enough: a sender of one byte a second never reaches it. One thread
    serves all connections; it ends when no body is being read.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._watched: set[_Watched] = set()
        self._running = False

    @contextmanager
    def watching(self, connection: socket.socket | None, ends_at: float) -> Iterator[_Watched]:
        """Close the connection for reading if the block has not ended at `ends_at`."""
        watched = _Watched(connection, ends_at)
        if connection is None:
            yield watched
            return
        with self._lock:
            self._watched.add(watched)
            if not self._running:
                threading.Thread(target=self._run, name="body-watchdog", daemon=True).start()
                self._running = True
        try:
            yield watched
        finally:
            # Under the lock, so that the connection's next request is never cut off.
            with self._lock:
                self._watched.discard(watched)

    def _run(self) -> None:
        while True:
            time.sleep(_TICK_SECONDS)
            with self._lock:
                if not self._watched:
                    self._running = False
                    return
                now = self._clock()
                for watched in self._watched:
                    connection = watched.connection
                    if connection is not None and not watched.late and now >= watched.ends_at:
                        watched.late = True
                        with suppress(OSError):
                            connection.shutdown(socket.SHUT_RD)
