"""Property: for any stream and any limits, windows in a row lose nothing."""

from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.upstream import NO_CONTENT, Response, Upstream, cut, event_stream
from tests.support.vendor_events import event, sse
from tests.support.watched_ports import WatchedDocuments, WatchedTopics, watched
from tests.support.windows import document, run_window
from videovector_bridge.backends import BackendSettings, open_backend
from videovector_bridge.errors import BackendError
from videovector_bridge.ingest.stages import Tuning

SMALL = Tuning(batch_events=3, random=lambda: 0.0)
"""Several batches in flight."""


class Frames(Upstream):
    """Frames after the Last-Event-ID, broken off after some bytes of each connection."""

    def __init__(self, frames: list[tuple[str, bytes]], cuts: list[int]) -> None:
        super().__init__()
        self._frames = frames
        self._cuts = list(cuts)

    def respond(self, request: httpx.Request) -> Response:
        """Return what follows the Last-Event-ID, up to the next cut."""
        last = request.headers.get("Last-Event-ID")
        positions = [position for position, (id_, _) in enumerate(self._frames) if id_ == last]
        rest = self._frames[positions[-1] + 1 if positions else 0 :]
        if not any(id_ for id_, _ in rest):
            return NO_CONTENT
        body = b"".join(data for _, data in rest)
        if self._cuts:
            return event_stream([body[: self._cuts.pop()]], then=cut)
        return event_stream([body])


_KINDS = st.sampled_from(["event", "garbage", "id only", "heartbeat", "large"])


def frame(kind: str, number: int) -> tuple[str, bytes]:
    """A frame of that kind and its id."""
    id_ = f"evt-{number:04d}"
    if kind == "garbage":
        return id_, sse(b'{"garbage": %d' % number, id_)
    if kind == "id only":
        return id_, f"id: {id_}\n\n".encode()
    if kind == "heartbeat":
        return "", b": heartbeat\n\n"
    pad = "x" * 3_000 if kind == "large" else ""
    return id_, sse(event(number, payload={"pad": pad}), id_)


@settings(max_examples=60)
@given(
    kinds=st.lists(_KINDS, max_size=25),
    cuts=st.lists(st.integers(0, 6_000), max_size=4),
    max_events=st.integers(1, 30),
    max_bytes=st.sampled_from([1, 500, 2_000, 10**6]),
    failing=st.frozensets(st.integers(1, 12), max_size=3),
    losing=st.frozensets(st.integers(2, 8), max_size=2),
)
def test_windows_in_a_row_lose_nothing(
    *,
    kinds: list[str],
    cuts: list[int],
    max_events: int,
    max_bytes: int,
    failing: frozenset[int],
    losing: frozenset[int],
) -> None:
    """Each event is published, each garbage rejected, limits are exact, the cursor at the end."""
    frames = [frame(kind, number) for number, kind in enumerate(kinds, 1)]
    expected = {
        id_ for (id_, _), kind in zip(frames, kinds, strict=True) if kind in ("event", "large")
    }
    spoilt = kinds.count("garbage")
    last = next((id_ for id_, _ in reversed(frames) if id_), None)

    def fail(number: int) -> None:
        if number in failing:
            raise BackendError("refused")

    def lose(number: int) -> None:
        if number in losing:
            raise BackendError("the response was lost")

    with TemporaryDirectory() as folder:
        real = open_backend(BackendSettings("embedded", "", str(Path(folder) / "e"), ""))
        topics = WatchedTopics(real.topics, before=fail)
        documents = WatchedDocuments(real.documents, after=lose, older_by=10**6)
        backend = watched(real, topics, documents)
        for _ in range(len(kinds) + len(failing) + len(losing) + 1):
            report = run_window(
                backend,
                Frames(frames, cuts),
                max_events=max_events,
                max_bytes=max_bytes,
                tuning=SMALL,
            )
            assert report.events <= max_events
            if report.stop_reason == "server_closed":
                break

        assert report.outcome != "failed"
        assert document(real).get("cursor") == last
    rejected = {message.data for topic, message in topics.stored if topic == "rejected"}
    assert set(topics.ids()) == expected
    assert len(rejected) == spoilt
