"""The webhook channel while a person has paused it: 503, and the body is not read."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.log_lines import only_log_line
from tests.support.watched_ports import FailingReads
from tests.support.webhooks import Deployment, delivery, set_channel_pause
from videovector_bridge.backends import open_backend
from videovector_bridge.backends.ports import Document, Timeout
from videovector_bridge.errors import BackendError
from videovector_bridge.ingest.body import BodyReader
from videovector_bridge.ingest.channel_pause import EVERY_SECONDS, ChannelPause

PAUSED = {"since": "2026-01-02T03:04:05Z", "reason": "a consumer is broken", "by": "ana@laptop"}


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def watched(embedded: Deployment) -> tuple[FailingReads, Clock]:
    """Deploy again with a pause whose reads and clock the test controls."""
    reads, clock = FailingReads(open_backend(embedded.settings).documents), Clock()
    embedded.change(pause=ChannelPause(reads, clock=clock))
    return reads, clock


def test_a_paused_channel_is_503(receiver: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    """With Retry-After, so that VideoVector keeps the delivery; who and why is in the log."""
    set_channel_pause(open_backend(receiver.settings).documents, PAUSED)
    response = receiver.post(delivery())
    line = only_log_line(capsys)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "60")
    assert response.data == b'{"error":"unavailable"}'
    assert (line["severity"], line["event"]) == ("INFO", "webhook.paused")
    assert "ana@laptop: a consumer is broken" in line["message"]


def test_nothing_of_a_paused_delivery_is_read(embedded: Deployment) -> None:
    """Neither its body nor memory for it."""

    class Unread(BodyReader):
        def read(self, *_: object) -> bytes:
            raise AssertionError("the body was read")

    set_channel_pause(open_backend(embedded.settings).documents, PAUSED)
    embedded.change(bodies=Unread())

    assert embedded.post(delivery()).status_code == 503
    assert embedded.nothing_published()


def test_an_unauthenticated_caller_does_not_cause_a_read(embedded: Deployment) -> None:
    """Its refusal does not depend on the pause, and costs no request to Firestore."""
    reads, _ = watched(embedded)
    set_channel_pause(open_backend(embedded.settings).documents, PAUSED)
    responses = [
        embedded.post(delivery(), X_Webhook_Signature=None),
        embedded.post(delivery(), X_Webhook_Signature="sha256=00"),
        embedded.post(delivery(), X_Webhook_ID="two words"),
    ]

    assert {response.status_code for response in responses} == {401}
    assert reads.reads == 0


def test_the_document_is_read_every_ten_seconds(embedded: Deployment) -> None:
    """So a pause and its end take effect within that time, and a flood costs no more."""
    reads, clock = watched(embedded)
    documents = open_backend(embedded.settings).documents

    assert [embedded.post(delivery()).status_code for _ in range(3)] == [204] * 3
    stored = set_channel_pause(documents, PAUSED)
    clock.now += EVERY_SECONDS - 1
    assert embedded.post(delivery()).status_code == 204
    clock.now += 1
    assert [embedded.post(delivery()).status_code for _ in range(3)] == [503] * 3
    set_channel_pause(documents, None, replaces=stored)
    clock.now += EVERY_SECONDS
    assert embedded.post(delivery()).status_code == 204
    assert reads.reads == 3


@pytest.mark.parametrize("error", [BackendError("no permission"), KeyError("a bug")])
def test_unreadable_state_changes_nothing(
    embedded: Deployment, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    """Not paused stays not paused, paused stays paused; one line at the beginning and the end."""
    reads, clock = watched(embedded)
    reads.error = error
    for _ in range(3):
        assert embedded.post(delivery()).status_code == 204
        clock.now += EVERY_SECONDS
    set_channel_pause(open_backend(embedded.settings).documents, PAUSED)
    reads.error = None
    assert embedded.post(delivery()).status_code == 503
    clock.now += EVERY_SECONDS
    reads.error = error
    assert embedded.post(delivery()).status_code == 503
    output = capsys.readouterr().out

    assert output.count("webhook.pause_unreadable") == 2
    assert output.count("webhook.pause_readable") == 1


def test_a_slow_read_delays_one_request(embedded: Deployment) -> None:
    """Others use the value from before."""
    reading, release = threading.Event(), threading.Event()

    class Slow(FailingReads):
        def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
            if self.reads:
                reading.set()
                assert release.wait(60)
            return super().read(collection, document_id, timeout=timeout)

    clock = Clock()
    embedded.change(
        pause=ChannelPause(Slow(open_backend(embedded.settings).documents), clock=clock)
    )
    assert embedded.post(delivery()).status_code == 204
    clock.now += EVERY_SECONDS
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(embedded.post, delivery())
        assert reading.wait(60)
        assert embedded.post(delivery()).status_code == 204
        release.set()
        assert slow.result().status_code == 204


def test_the_first_requests_share_one_read(embedded: Deployment) -> None:
    """A new instance does not let through what arrives while it reads for the first time."""
    together = threading.Barrier(4)

    class Slow(FailingReads):
        def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:
            released.wait(60)
            return super().read(collection, document_id, timeout=timeout)

    released = threading.Event()
    documents = open_backend(embedded.settings).documents
    set_channel_pause(documents, PAUSED)
    slow = Slow(documents)
    embedded.change(pause=ChannelPause(slow, clock=Clock()))

    def post(_number: int) -> int:
        together.wait(60)
        return int(embedded.post(delivery()).status_code)

    with ThreadPoolExecutor(4) as pool:
        statuses = pool.map(post, range(4))
        released.set()
        assert list(statuses) == [503] * 4
    assert slow.reads == 1
