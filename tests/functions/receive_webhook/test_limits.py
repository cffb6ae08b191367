"""The limits of one instance of `receive_webhook` on concurrent deliveries."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Any

import pytest

from tests.support.log_lines import log_lines, only_log_line
from tests.support.webhooks import Deployment, delivery, headers, signature
from videovector_bridge.byte_budget import ByteBudget
from videovector_bridge.errors import BackendError
from videovector_bridge.ingest.body import (
    IN_FLIGHT_BYTES,
    SMALL_SHARE_BYTES,
    BodyReader,
)


class Endless:
    """A body without end, which counts the bytes that are read."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Return `size` bytes."""
        assert size >= 0, "the whole body was read"
        self.read_bytes += size
        return b"x" * size


def test_no_more_is_read_than_the_stated_length(embedded: Deployment) -> None:
    """The next bytes of the connection belong to another request."""
    body = Endless()
    response = embedded.app.test_client().post(
        "/",
        headers=headers(b"x" * 3_000_000),
        environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": "3000000"},
    )

    assert (response.status_code, body.read_bytes) == (204, 3_000_000)
    assert embedded.published("rejected")[0].data == b"x" * 3_000_000


def test_a_body_that_ends_early_is_malformed(
    embedded: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """400: fewer bytes arrive than are stated."""
    body = delivery()
    stated = {"CONTENT_LENGTH": str(len(body) + 1)}
    response = embedded.app.test_client().post(
        "/", data=body, headers=headers(body), environ_overrides=stated
    )

    assert (response.status_code, response.data) == (400, b'{"error":"malformed"}')
    assert only_log_line(capsys)["code"] == "unreadable_body"


class Blocking:
    """Bodies that return one byte less than asked for, and block before the last byte.

    Their bytes are counted together.
    """

    def __init__(self) -> None:
        self.finish = threading.Event()
        self.blocked = 0
        self.read_bytes = 0
        self._changed = threading.Condition()

    def body(self) -> "BlockingBody":
        """Return a new body."""
        return BlockingBody(self)

    def count(self, size: int) -> bytes:
        """Count and return so many bytes."""
        with self._changed:
            self.read_bytes += size
        return b"x" * size

    def block(self) -> None:
        """Wait until `finish` is set."""
        with self._changed:
            self.blocked += 1
            self._changed.notify_all()
        assert self.finish.wait(60)

    def wait_for(self, blocked: int) -> None:
        """Return once so many bodies are blocked."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.blocked >= blocked, 60)


class BlockingBody:
    """One body of `Blocking`."""

    def __init__(self, all_: Blocking) -> None:
        self._all = all_
        self._size = 0

    def read(self, size: int = -1) -> bytes:
        """Return one byte less than requested; the last byte arrives when `finish` is set."""
        if size == 1:
            self._all.block()
            return self._all.count(1)
        return self._all.count(size - 1)


def test_bytes_in_flight_are_bounded(
    embedded: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """80 unauthenticated callers with 5 MB each: a body that does not fit is 503 and never read."""
    bodies = Blocking()
    size = 5_000_000
    embedded.change(bodies=BodyReader(3_600))

    def send(_: int) -> Any:
        return embedded.app.test_client().post(
            "/",
            headers=headers(b"", X_Webhook_Signature=signature(b"something else")),
            environ_overrides={"wsgi.input": bodies.body(), "CONTENT_LENGTH": str(size)},
        )

    fits = (IN_FLIGHT_BYTES - SMALL_SHARE_BYTES) // size
    with ThreadPoolExecutor(80) as pool:
        responses = [pool.submit(send, number) for number in range(80)]
        bodies.wait_for(fits)
        refused = [each.result() for each in islice(as_completed(responses, 60), 80 - fits)]
        small = embedded.post(delivery())
        read_bytes = bodies.read_bytes
        bodies.finish.set()
        statuses = [each.result().status_code for each in responses]

    assert [each.status_code for each in refused] == [503] * (80 - fits)
    assert all(each.headers["Retry-After"] == "1" for each in refused)
    assert read_bytes <= IN_FLIGHT_BYTES
    assert small.status_code == 204
    assert statuses.count(401) == fits
    assert [line["event"] for line in log_lines(capsys)].count("webhook.overloaded") == 80 - fits
    assert send(0).status_code == 401


def test_deliveries_beyond_the_limit_are_503(
    embedded: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beyond MAX_DELIVERIES: 503 at once. Unsigned requests use no slot; slots are released."""
    embedded.set(MAX_DELIVERIES="2")
    resume, publishing = threading.Event(), threading.Semaphore(0)

    def block(_number: int) -> None:
        publishing.release()
        assert resume.wait(60)

    topics = embedded.watch(before=block)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(embedded.post, delivery(f"evt_{n}")) for n in range(2)]
        for _ in waiting:
            assert publishing.acquire(timeout=60)
        for body in (delivery("evt_3"), b"junk"):
            response = embedded.post(body)
            assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert embedded.post(delivery(), X_Webhook_Signature=None).status_code == 401
        resume.set()
        assert [each.result().status_code for each in waiting] == [204, 204]

    assert embedded.post(delivery("evt_3")).status_code == 204
    assert sorted(topics.ids()) == ["evt_0", "evt_1", "evt_3"]
    assert [line["event"] for line in log_lines(capsys)].count("webhook.overloaded") == 2


def test_a_body_counts_until_it_is_published(embedded: Deployment) -> None:
    """The budget covers bytes until they are published; every outcome releases them."""
    resume, publishing = threading.Event(), threading.Event()

    def block(number: int) -> None:
        if number == 1:
            publishing.set()
            assert resume.wait(60)
        raise BackendError("not now")

    embedded.watch(before=block)
    body = delivery()
    embedded.change(budget=ByteBudget(len(body)))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(embedded.post, body)
        assert publishing.wait(60)
        second = embedded.post(body)
        resume.set()
        statuses = [first.result().status_code, second.status_code]
    after = embedded.post(body, X_Webhook_Signature=signature(b""))

    assert statuses == [503, 503]
    assert (second.headers["Retry-After"], after.status_code) == ("1", 401)


def test_a_body_that_never_arrives_releases_its_bytes(
    embedded: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 after a while, though the read blocks: the connection is closed for reading."""
    ours, theirs = socket.socketpair()
    embedded.change(bodies=BodyReader(0.05), budget=ByteBudget(200))
    with ours, theirs, ours.makefile("rb") as stream:
        theirs.send(b"x")
        response = embedded.app.test_client().post(
            "/",
            headers=headers(b""),
            environ_overrides={
                "wsgi.input": stream,
                "CONTENT_LENGTH": "200",
                "gunicorn.socket": ours,
            },
        )

    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert only_log_line(capsys)["event"] == "webhook.slow_body"
    assert embedded.post(delivery()[:100], X_Webhook_Signature=signature(b"")).status_code == 401
