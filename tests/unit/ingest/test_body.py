"""`ingest.body`: the bytes of bodies at once, and the time of reading one."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest

from infra.local.topology import FILE, read_topology
from videovector_bridge.ingest.body import (
    IN_FLIGHT_BYTES,
    SMALL_BYTES,
    SMALL_SHARE_BYTES,
    BodyReader,
    UnreadableBody,
)
from videovector_bridge.ingest.delivery import MAX_VALUES

ENOUGH = 3_600.0


class Pieces:
    """A body that arrives in these pieces, for any requested size."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = list(pieces)
        self.sizes: list[int] = []

    def read(self, size: int) -> bytes:
        """Return the next piece, or raise it if it is an error."""
        self.sizes.append(size)
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, Exception):
            raise piece
        assert len(piece) <= size
        return piece


def test_every_thread_of_the_host_can_hold_a_small_body() -> None:
    """As deployed: requests are refused for their size only if they are large."""
    threads = int(read_topology(FILE).environments["receive-webhook"]["THREADS"])

    assert threads * SMALL_BYTES <= SMALL_SHARE_BYTES < IN_FLIGHT_BYTES


def test_the_sum_of_all_bytes_fits_the_function() -> None:
    """As documented. A body in flight has at most 6.5 copies, as measured with Pub/Sub."""
    memory = json.loads(FILE.read_text())["functions"]["receive-webhook"]["resources"]["memory"]
    libraries, copies, decoded_value = 100_000_000, 6.5, 112

    total = libraries + copies * IN_FLIGHT_BYTES + decoded_value * MAX_VALUES
    assert total < 450_000_000 < int(memory.removesuffix("Mi")) * 1_048_576


@pytest.mark.parametrize(
    "pieces", [[b"0123456789"], [b"0", b"12345678", b"9"], [b"01234", b"56789", b"more"]]
)
def test_a_body_is_read_to_its_length(pieces: list[bytes]) -> None:
    """In the pieces in which it arrives, and never further."""
    stream = Pieces(*pieces)

    assert BodyReader(ENOUGH).read(stream, 10, None) == b"0123456789"
    assert max(stream.sizes) <= 10
    assert len(stream.sizes) <= len(pieces)


def test_an_empty_body_is_not_read() -> None:
    """There may be nothing to wait for."""
    stream = Pieces()

    assert BodyReader(ENOUGH).read(stream, 0, None) == b""
    assert stream.sizes == []


def test_a_large_body_is_read_in_pieces() -> None:
    """No call asks the host for more than 1 MiB."""
    large = b"x" * 5_000_000

    assert BodyReader(ENOUGH).read(BytesIO(large), len(large), None) == large


@pytest.mark.parametrize("stream", [Pieces(b"01"), Pieces(b"01", OSError("reset"))])
def test_a_body_that_breaks_off_is_unreadable(stream: Pieces) -> None:
    """By its end or by an error of the host, whose text may contain anything."""
    unreadable = BodyReader(ENOUGH).read(stream, 10, None)

    assert isinstance(unreadable, UnreadableBody)
    assert not unreadable.slow
    assert "reset" not in unreadable.detail


def test_a_slow_body_is_abandoned_between_pieces() -> None:
    """Also if the host names no connection."""
    unreadable = BodyReader(0).read(Pieces(b"0", b"1"), 10, None)

    assert isinstance(unreadable, UnreadableBody)
    assert unreadable.slow


class Dripping:
    """A host that reads a connection until it has all the bytes asked for, as gunicorn does."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self, size: int) -> bytes:
        """Return less only at the end."""
        read = b""
        while len(read) < size and (piece := self._connection.recv(1)):
            read += piece
        return read


def test_single_bytes_do_not_prolong_it() -> None:
    """The watchdog ends the read; neither the read nor a socket timeout would."""
    ours, theirs = socket.socketpair()
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.01):
            theirs.send(b"x")

    with ours, theirs, ThreadPoolExecutor(1) as pool:
        dripping = pool.submit(drip)
        unreadable = BodyReader(0.1).read(Dripping(ours), 1_000_000_000, ours)
        stop.set()
        dripping.exception()

    assert isinstance(unreadable, UnreadableBody)
    assert unreadable.slow


@pytest.mark.parametrize("rest", [b"", b"x", b"x" * 300_000])
def test_the_rest_of_a_refused_body_is_discarded(rest: bytes) -> None:
    """Its sender then reads the response, and may use the connection again."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        BodyReader(discard_seconds=ENOUGH).discard(BytesIO(rest), ours)
        theirs.send(b"next")

        assert ours.recv(4) == b"next"


def test_a_refused_body_that_does_not_arrive_ends_its_connection() -> None:
    """After a moment: the host would wait longer, and delay other connections."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        BodyReader(discard_seconds=0.05).discard(Dripping(ours), ours)

        assert ours.recv(1) == b""


def test_a_refused_body_without_end_is_discarded_up_to_the_largest_size() -> None:
    """Then its connection is ended."""
    ours, theirs = socket.socketpair()
    endless = Pieces(*[b"x" * 65_536] * 1_000)
    with ours, theirs:
        BodyReader().discard(endless, ours)

        assert sum(endless.sizes) < 10_100_000
        assert ours.recv(1) == b""


def test_without_a_connection_nothing_is_discarded() -> None:
    """There is nothing to end."""
    stream = Pieces(b"x")
    BodyReader().discard(stream, None)

    assert stream.sizes == []


def test_a_connection_is_left_alone_once_its_body_is_read() -> None:
    """Its next request may arrive after the deadline of the body."""
    now = [0.0]
    reader = BodyReader(ENOUGH, clock=lambda: now[0])

    class TooLate(Dripping):
        def read(self, size: int) -> bytes:
            now[0] += 2 * ENOUGH
            return super().read(size)

    ours, theirs = socket.socketpair()
    other, silent = socket.socketpair()
    with ours, theirs, other, silent:
        theirs.send(b"one")
        assert reader.read(Dripping(ours), 3, ours) == b"one"
        # When this one is cut off, the deadline of the first is over too.
        assert isinstance(reader.read(TooLate(other), 3, other), UnreadableBody)
        theirs.send(b"two")
        assert ours.recv(3) == b"two"
