"""`receive-webhook` in a process of its own, over raw sockets: requests no client library sends."""

import json
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from infra.local.processes.functions import Function
from infra.local.topology import read_topology
from tests.bench.row import measure_session
from tests.support.patience import until
from tests.support.topic_subscriber import Subscriber
from tests.support.webhooks import delivery, environment, headers
from videovector_bridge.backends import BackendSettings

LIMIT = 100_000


class Running:
    """The running function, its published events and its log."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.settings = BackendSettings("embedded", "", str(folder / "embedded"), "")
        variables = environment(self.settings) | {"PYTHONUNBUFFERED": "1"} | more
        self.function = Function("receive-webhook", "receive_webhook", variables, folder / "logs")
        host, port = self.function.url.removeprefix("http://").split(":")
        self.address = (host, int(port))

    def connect(self) -> socket.socket:
        """A new connection."""
        connection = socket.create_connection(self.address, timeout=20)
        # Send each piece in a packet of its own.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def send(self, *pieces: bytes, ending: bool = False) -> list[int]:
        """Send bytes on one connection; return the statuses of all responses.

        `ending` closes our side of the connection after the last piece.
        """
        with self.connect() as connection:
            for piece in pieces:
                try:
                    connection.sendall(piece)
                except OSError:  # it has responded and closed the connection
                    break
            if ending:
                connection.shutdown(socket.SHUT_WR)
            return statuses(connection)

    def published(self) -> list[str]:
        """The ids of all events so far."""
        messages = Subscriber(self.settings, "events").receive(1_000)
        return [message.attributes["ce-id"] for message in messages]

    def log(self) -> str:
        """Its log."""
        return self.function.log.read_text()


def statuses(connection: socket.socket) -> list[int]:
    """Read until the other side closes; return the statuses of all responses."""
    received = b""
    try:
        while piece := connection.recv(65_536):
            received += piece
    except OSError:  # a reset, because we sent more than it read
        pass
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", received)]


def request(body: bytes, *more: str, length: int | None = -1, close: bool = True) -> bytes:
    """A delivery's request; `length` is its Content-Length: -1 the correct one, None no header."""
    lines = [f"{name}: {value}" for name, value in headers(body).items()]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length < 0 else length}")
    if close:
        lines.append("Connection: close")
    head = "\r\n".join(["POST / HTTP/1.1", "Host: x", *lines, *more]).encode()
    return head + b"\r\n\r\n" + body


def chunked(body: bytes, size: int = 10) -> bytes:
    """The body in chunks."""
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"


def in_chunks(body: bytes, framed: bytes) -> bytes:
    """A delivery's request with a chunked body."""
    head = request(body, "Transfer-Encoding: chunked", length=None)
    return head.removesuffix(body) + framed


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The function, started once."""
    made = Running(
        tmp_path_factory.mktemp("receive-webhook"), MAX_WEBHOOK_BYTES=str(LIMIT), THREADS="8"
    )
    made.function.start()
    try:
        made.function.wait()
        yield made
    finally:
        made.function.close()


@pytest.fixture(autouse=True)
def still_works(running: Running) -> Iterator[None]:
    """After every test a delivery is accepted, and the log has no crash and no traceback."""
    yield
    name = f"evt_{len(running.published())}_after"
    assert running.send(request(delivery(name))) == [204]
    assert running.published()[-1] == name
    assert "Traceback" not in running.log()
    assert "webhook.crashed" not in running.log()
    assert "Exception" not in running.log()


def test_a_delivery_is_published_and_logged(running: Running) -> None:
    """204 after the event is published, and one line of JSON in the log."""
    assert running.send(request(delivery("evt_plain"))) == [204]

    assert "evt_plain" in running.published()
    assert until(lambda: "Accepted prompt_run.failed evt_plain" in running.log())
    lines = [json.loads(line) for line in running.log().splitlines() if "evt_plain" in line]
    assert [line["event"] for line in lines] == ["webhook.accepted"]


@pytest.mark.parametrize("size", [1, 10, 10_000])
def test_a_chunked_body_is_refused(running: Running, size: int) -> None:
    """411: a body of unknown length is not read."""
    name = f"evt_chunks_{size}"
    body = delivery(name)

    assert running.send(in_chunks(body, chunked(body, size))) == [411]
    assert name not in running.published()


def test_an_empty_signed_body_is_accepted(running: Running) -> None:
    """204: it is published to `rejected`."""
    assert running.send(request(b"")) == [204]


def test_a_slow_sender_is_accepted(running: Running) -> None:
    """The bytes may arrive one by one."""
    whole = request(delivery("evt_slow"))

    assert running.send(*(whole[at : at + 1] for at in range(len(whole)))) == [204]


@pytest.mark.parametrize(
    "framed",
    [b"zz\r\nabc\r\n", b"-5\r\nabc\r\n", b"5\r\nabc\r\n0\r\n\r\n", b"3\r\nabc", b"\r\n", b""],
    ids=repr,
)
def test_a_badly_chunked_body_is_refused(running: Running, framed: bytes) -> None:
    """411 before its framing is read, and nothing is published."""
    before = running.published()

    assert running.send(in_chunks(delivery("evt_bad"), framed), ending=True) == [411]
    assert running.published() == before


def test_an_endless_chunked_body_is_refused(running: Running) -> None:
    """Neither the response nor the close of the connection waits for its end."""
    pieces = [b"8000\r\n" + b"x" * 0x8000 + b"\r\n"] * 2_000

    assert running.send(in_chunks(b"", b""), *pieces) in ([411], [])


def test_a_length_that_is_too_large_is_refused_unread(running: Running) -> None:
    """413 before the first byte of the body."""
    head = request(b"", length=10**12)

    assert running.send(head) == [413]


def test_a_length_of_5000_digits_is_refused(running: Running) -> None:
    """The host or the function refuses it."""
    head = request(b"").replace(b"Content-Length: 0", b"Content-Length: " + b"9" * 5_000)

    assert running.send(head) in ([400], [413])


def test_a_body_shorter_than_its_length_is_refused(running: Running) -> None:
    """400: the sender closes the connection before the stated length."""
    body = delivery("evt_short")

    assert running.send(request(body, length=len(body) + 10), ending=True) == [400]
    assert "evt_short" not in running.published()


def test_a_body_longer_than_its_length_is_refused(running: Running) -> None:
    """401: the signature does not match the shorter body. The rest is no event."""
    body = delivery("evt_long")
    received = running.send(request(body, length=len(body) - 10))

    assert received == [401]
    assert "evt_long" not in running.published()


@pytest.mark.parametrize("length", ["-1", "ten", "1,000", "0x10", "+5", "5, 6", ""])
def test_an_invalid_length_is_refused(running: Running, length: str) -> None:
    """The host responds with 400."""
    head = request(b"").replace(b"Content-Length: 0", f"Content-Length: {length}".encode())

    assert running.send(head) == [400]


def test_a_length_is_required(running: Running) -> None:
    """411 for a request without a length."""
    body = delivery("evt_nolength")

    assert running.send(request(body, length=None)) == [411]
    assert "evt_nolength" not in running.published()


def test_a_length_with_a_chunked_body_is_refused(running: Running) -> None:
    """Two different lengths allow request smuggling."""
    body = delivery("evt_both")
    framed = in_chunks(body, chunked(body)).replace(b"Host: x", b"Host: x\r\nContent-Length: 5")

    assert running.send(framed) == [400]
    assert "evt_both" not in running.published()


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("Content-Length: 5", 400),
        ("Content-Length: {length}", 400),
        ("X-Webhook-Signature: sha256=00", 401),
        ("X-Webhook-Signature: {signature}", 401),
        ("X-Webhook-ID: wh_1 wh_2", 401),
    ],
)
def test_a_repeated_header_is_refused(running: Running, line: str, status: int) -> None:
    """The intended value is ambiguous, even if both are valid."""
    body = delivery("evt_twice")
    more = line.format(length=len(body), signature=headers(body)["X-Webhook-Signature"])

    assert running.send(request(body, more)) == [status]
    assert "evt_twice" not in running.published()


@pytest.mark.parametrize(
    "value",
    ["", "sha256=", "sha256=" + "\xe9" * 64, "sha256=" + "0" * 7_000, "sha256=\xb2", "\xff"],
)
def test_a_malformed_signature_is_refused(running: Running, value: str) -> None:
    """401 for any bytes that a header can have, without waiting for the body."""
    head = request(b"", length=50_000)
    at = head.index(b"X-Webhook-Signature: ")
    line = b"X-Webhook-Signature: " + value.encode("latin-1")

    assert running.send(head[:at] + line + head[head.index(b"\r\n", at) :]) == [401]


@pytest.mark.parametrize("name", ["X-Webhook-Signature", "X-Webhook-ID", "X-Y", "Cookie", "Host"])
def test_an_oversized_header_is_refused(running: Running, name: str) -> None:
    """The host refuses it, never with a 500."""
    (status,) = running.send(request(delivery("evt_header"), f"{name}: {'x' * 70_000}"))

    assert status in (400, 413, 431)
    assert "evt_header" not in running.published()


@pytest.mark.parametrize(
    "line", ["X Y: z", "X-Y z", ": z", "X-Y: a\0b", "X-Webhook-ID: \xff", "\0", "X_Webhook_ID: a"]
)
def test_odd_headers_are_refused_or_ignored(running: Running, line: str) -> None:
    """The response is never a 500."""
    whole = request(delivery("evt_odd")).replace(
        b"Host: x", b"Host: x\r\n" + line.encode("latin-1")
    )
    (status,) = running.send(whole)

    assert status in (204, 400, 401)


def test_pipelined_requests_get_responses_in_order(running: Running) -> None:
    """The sender does not wait for responses."""
    bodies = [delivery(f"evt_pipelined_{n}") for n in range(3)]
    last = len(bodies) - 1
    whole = b"".join(request(body, close=n == last) for n, body in enumerate(bodies))

    assert running.send(whole) == [204] * 3
    assert running.published()[-3:] == [f"evt_pipelined_{n}" for n in range(3)]


@pytest.mark.parametrize(
    "junk", [b"\x00" * 1_000, b"junk\r\n\r\n", b"POST", b"\x16\x03\x01\x02\x00"]
)
def test_junk_after_a_delivery_is_harmless(running: Running, junk: bytes) -> None:
    """The delivery is accepted; the junk is refused or ignored."""
    body = delivery("evt_before_junk")
    received = running.send(request(body, close=False) + junk, ending=True)

    assert received[:1] == [204]
    assert received[1:] in ([400], [])


def test_an_unread_body_is_not_the_next_request(running: Running) -> None:
    """A request inside the body of a refused request is never handled."""
    inner = request(delivery("evt_smuggled"))
    outer = request(inner, close=False).replace(b"sha256=", b"sha512=", 1)

    assert running.send(outer, ending=True) == [401]
    assert "evt_smuggled" not in running.published()


def test_reset_connections_are_harmless(running: Running) -> None:
    """A connection may be reset at any point of a request."""
    whole = request(delivery("evt_gone"))
    for at in range(0, len(whole), 40):
        with running.connect() as connection:
            # Linger for zero seconds: close with a reset.
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.sendall(whole[:at])


UNSIGNED, FORGED, SIGNED = "no signature", "a wrong signature", "a valid signature"
# Decoded, each of its values takes 27 times its bytes.
LARGE = delivery(data={"run_id": "run_1", "n": 0}).replace(
    b":0}", b":[" + b"[]," * 1_660_000 + b"0]}"
)


def large_request(kind: str) -> tuple[bytes, bytes]:
    """The head and the body of a request of 5 MB."""
    signed = request(LARGE, close=False)
    head = signed.removesuffix(LARGE)
    if kind == UNSIGNED:
        head = head.replace(b"X-Webhook-Signature", b"X-Other")
    if kind == FORGED:
        head = head.replace(b"sha256=", b"sha256=" + b"0" * 64 + b"\r\nX-Other: ")
    return head, LARGE


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The function with the environment of its deployment."""
    variables = read_topology().environments["receive-webhook"]
    made = Running(tmp_path_factory.mktemp("deployed"), **variables)
    made.function.start()
    try:
        made.function.wait()
        yield made
    finally:
        made.function.close()


@pytest.mark.parametrize(
    ("kind", "statuses_", "limit_mb"),
    [
        # The body of an unsigned request is discarded as it arrives, a few at a time.
        (UNSIGNED, {401}, 60),
        (FORGED, {401, 503}, 160),
        (SIGNED, {204, 503}, 350),
    ],
)
def test_large_requests_stay_within_the_memory_budget(
    deployed: Running, kind: str, statuses_: set[int], limit_mb: float
) -> None:
    """80 concurrent connections send 5 MB each, unsigned, forged or signed."""
    head, body = large_request(kind)
    together = threading.Barrier(80)
    before = measure_session(deployed.function.session()).peak_mb

    def send(_: int) -> list[int]:
        with deployed.connect() as connection:
            connection.sendall(head)
            together.wait()
            with suppress(OSError):  # it responds before it has read everything
                connection.sendall(body)
                connection.shutdown(socket.SHUT_WR)
            return statuses(connection)

    with ThreadPoolExecutor(80) as pool:
        responses = list(pool.map(send, range(80)))
    after = measure_session(deployed.function.session()).peak_mb

    assert {status for each in responses for status in each} <= statuses_
    assert after - before < limit_mb
    assert deployed.send(request(delivery("evt_memory"))) == [204]


@pytest.mark.parametrize("kind", [UNSIGNED, FORGED])
def test_stalled_callers_do_not_block_deliveries(deployed: Running, kind: str) -> None:
    """Deliveries are accepted while 80 connections wait with most of a body unsent."""
    head, body = large_request(kind)
    lengths = f"Content-Length: {len(body)}".encode(), b"Content-Length: 1000"
    with ExitStack() as stack:
        stalled = [stack.enter_context(deployed.connect()) for _ in range(80)]
        for number, connection in enumerate(stalled):
            # Large and small bodies have separate parts of the budget.
            connection.sendall(head.replace(lengths[0], lengths[number % 2]) + body[:100])
        accepted = [deployed.send(request(delivery(f"evt_{n}"))) for n in range(20)]
        responses = [statuses(connection) for connection in stalled]

    assert accepted == [[204]] * 20
    assert {status for each in responses for status in each} <= {401, 503}
    assert all(len(each) == 1 for each in responses)
