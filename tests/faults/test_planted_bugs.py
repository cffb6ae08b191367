"""The crash test itself: it finds a planted bug of each kind."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.support.crash_history import HISTORIES, History
from tests.support.crash_ports import EMBEDDED, GCP
from tests.support.crash_rewinds import rewind_each_step
from tests.support.crash_state import InvariantBroken
from tests.support.crash_zombies import pause_each_step
from tests.support.crashes import fail_each_call, kill_each_step, small_windows
from videovector_bridge.backends.ports import Document, Message
from videovector_bridge.events import Event
from videovector_bridge.ingest import lease as lease_module
from videovector_bridge.ingest.batcher import Batch, Batcher
from videovector_bridge.ingest.large_frames import LargeFramePublisher
from videovector_bridge.ingest.lease import Lease
from videovector_bridge.ingest.publisher import Publisher
from videovector_bridge.ingest.stream_document import COLLECTION, claim_fields

BUCKET, NO_BUCKET, REFUSED, FILTERS = HISTORIES


@pytest.fixture(autouse=True)
def _small_windows() -> Iterator[None]:
    with small_windows():
        yield


def find(*searches: Callable[[], object]) -> str:
    """Return the report of the crash test about a bug, which each search alone must find."""
    reports = []
    for search in searches:
        with pytest.raises(InvariantBroken) as broken:
            search()
        reports.append(str(broken.value))
    return "\n".join(reports)


def test_a_commit_before_the_acknowledgement_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint of a batch is queued when its publishing begins."""
    honest = Publisher._publish_in_order

    async def early(self: Publisher, batch: Batch, previous: Any) -> bool:
        self._acknowledged.put_nowait(batch.checkpoint)
        return await honest(self, batch, previous)

    monkeypatch.setattr(Publisher, "_publish_in_order", early)

    assert "past evt-0003" in find(
        lambda: kill_each_step(BUCKET, GCP, 0), lambda: kill_each_step(BUCKET, EMBEDDED, 0)
    )


def test_a_batch_that_does_not_wait_for_the_one_before_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A batch is committed although an earlier one is in flight, or has failed."""
    honest = Publisher._publish_in_order

    async def alone(self: Publisher, batch: Batch, _previous: Any) -> bool:
        return await honest(self, batch, None)

    monkeypatch.setattr(Publisher, "_publish_in_order", alone)

    assert "moves the cursor past" in find(lambda: fail_each_call(BUCKET, EMBEDDED))
    assert "moves the cursor past" in find(lambda: fail_each_call(BUCKET, GCP))


@pytest.mark.parametrize("history", [BUCKET, REFUSED], ids=lambda history: history.name)
def test_a_lease_without_its_token_is_found(
    monkeypatch: pytest.MonkeyPatch, history: History
) -> None:
    """A window overwrites any stored version as its own."""

    def anyones(self: Lease, deadline: float) -> Document:
        stored = self._documents.read(
            COLLECTION, self._name, timeout=lambda: deadline - self._clock()
        )
        assert stored is not None
        return stored

    monkeypatch.setattr(Lease, "_own_document", anyones)

    assert "under a token that is not the newest" in find(
        lambda: pause_each_step(history, EMBEDDED), lambda: pause_each_step(history, GCP)
    )


def test_a_lease_without_a_new_token_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Acquiring the lease does not raise the token."""
    honest = claim_fields

    def same_token(known: Mapping[str, Any], *others: Any) -> dict[str, Any]:
        return honest(known, *others) | {"fencing_token": known.get("fencing_token", 1)}

    monkeypatch.setattr(lease_module, "claim_fields", same_token)

    assert "without a new token" in find(lambda: kill_each_step(REFUSED, EMBEDDED, 1))


@pytest.mark.parametrize("history", [BUCKET, NO_BUCKET], ids=lambda history: history.name)
def test_a_dropped_reject_is_found(monkeypatch: pytest.MonkeyPatch, history: History) -> None:
    """An invalid event is counted, and not published."""

    async def drop(self: Publisher, rejected: Any) -> bool:
        self.rejected += len(rejected)
        return True

    monkeypatch.setattr(Publisher, "_publish_rejected", drop)

    assert "past evt-0004" in find(
        lambda: kill_each_step(history, GCP, 0), lambda: kill_each_step(history, EMBEDDED, 0)
    )


def test_a_reject_that_is_dropped_after_a_failure_only_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A failure to publish to `rejected` counts as success."""
    honest = Publisher._in_thread

    async def careless(self: Publisher, send: Callable[..., None], *arguments: Any) -> bool:
        if send != self._send_rejected:
            return await honest(self, send, *arguments)
        await asyncio.gather(asyncio.to_thread(send, *arguments), return_exceptions=True)
        return True

    monkeypatch.setattr(Publisher, "_in_thread", careless)

    assert "past evt-0004" in find(lambda: fail_each_call(BUCKET, EMBEDDED))


def test_a_claim_before_its_object_is_complete_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message that refers to an object leaves before its last part."""
    honest = LargeFramePublisher._store_part

    def early(self: LargeFramePublisher, large: Any) -> None:
        if large.part.last:
            assert self._upload is not None
            uri = f"blob:{self._upload._name}"  # type: ignore[attr-defined]
            names = {"ce-id": large.event.id, "ce-dataref": uri}
            self._publish("events", Message(b"", names, "lane-01"))
        honest(self, large)

    monkeypatch.setattr(LargeFramePublisher, "_store_part", early)

    assert "before its object is complete" in find(
        lambda: kill_each_step(BUCKET, GCP, 0), lambda: kill_each_step(BUCKET, EMBEDDED, 0)
    )


@pytest.mark.parametrize("history", [REFUSED, FILTERS], ids=lambda history: history.name)
def test_a_gap_event_after_the_abandoned_cursor_is_found(
    monkeypatch: pytest.MonkeyPatch, history: History
) -> None:
    """The window starts over, and reports the gap with the first events that it reads then."""

    async def late(self: Batcher, gap: Event, start_from: str) -> None:
        await self._emit()
        self.position = self.position.begin_again(start_from)
        await self._batches.put(Batch(self._checkpoint()))
        await self._batches.put(Batch(self._checkpoint(), gap=gap))

    monkeypatch.setattr(Batcher, "start_over", late)

    assert "before the gap event" in find(lambda: fail_each_call(history, EMBEDDED))
    assert "before the gap event" in find(lambda: fail_each_call(history, GCP))


def test_publishing_without_the_lease_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request gets ten seconds, even if less is left of the lease."""

    def for_long(self: Publisher, topic: str, messages: Any) -> None:
        self._backend.topics.publish(topic, messages, timeout=10.0)

    monkeypatch.setattr(Publisher, "_publish", for_long)

    assert "without the lease" in find(
        lambda: pause_each_step(REFUSED, EMBEDDED), lambda: pause_each_step(REFUSED, GCP)
    )


def test_a_lane_that_continues_after_a_failure_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later event of the lane overtakes the one that failed."""

    async def keep_publishing(self: Publisher, send: Callable[..., None], *arguments: Any) -> bool:
        loop = asyncio.get_running_loop()
        sending = loop.run_in_executor(self._threads, send, *arguments)
        (outcome,) = await asyncio.gather(sending, return_exceptions=True)
        return outcome is None

    monkeypatch.setattr(Publisher, "_in_thread", keep_publishing)

    assert "was never published" in find(
        lambda: fail_each_call(BUCKET, EMBEDDED), lambda: fail_each_call(BUCKET, GCP)
    )


def test_a_window_that_forgets_the_cursor_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window begins at the start of the stream after a death."""
    honest = claim_fields

    def forget(known: Mapping[str, Any], *others: Any) -> dict[str, Any]:
        return honest(known, *others) | {"cursor": None}

    monkeypatch.setattr(lease_module, "claim_fields", forget)

    assert "moves the cursor while it acquires the lease" in find(
        lambda: kill_each_step(BUCKET, EMBEDDED, 1)
    )


def test_a_publish_that_ends_before_its_response_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request counts as acknowledged once it is handed to a thread."""

    async def no_response(self: Publisher, send: Callable[..., None], *arguments: Any) -> bool:
        asyncio.get_running_loop().run_in_executor(self._threads, send, *arguments)
        await asyncio.sleep(0)
        return True

    monkeypatch.setattr(Publisher, "_in_thread", no_response)

    find(lambda: kill_each_step(BUCKET, GCP, 0), lambda: fail_each_call(BUCKET, EMBEDDED))


def test_a_window_that_overwrites_a_rewind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a conflict, the window does not check token and owner."""

    def unchecked(self: Lease, _deadline: float) -> Document:
        stored = self._documents.read(COLLECTION, self._name, timeout=5.0)
        assert stored is not None
        return stored

    monkeypatch.setattr(Lease, "_own_document", unchecked)

    assert "under a token that is not the newest" in find(
        lambda: rewind_each_step(BUCKET, GCP), lambda: rewind_each_step(BUCKET, EMBEDDED)
    )
