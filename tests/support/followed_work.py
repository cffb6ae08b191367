"""VideoVector's view of runs and videos, and reconcile beside it in memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from tests.support.memory_ports import MemoryPorts
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.ports import Backend, Message
from videovector_bridge.backends.reading_ports import Subscriptions
from videovector_bridge.events import Event, event_message
from videovector_bridge.secret import Secret
from videovector_bridge.settings import ApiSettings, TopicNames
from videovector_bridge.settings.reconcile import ReconcileSettings
from videovector_bridge.watch.reconcile.reconciler import Clients, Reconciler
from videovector_bridge.watch.reconcile.report import ReconcileReport
from videovector_bridge.work import RECONCILED, STEPS

START = datetime(2026, 11, 24, tzinfo=UTC)
EVERY = timedelta(minutes=5)
SETTINGS = ReconcileSettings(
    api=ApiSettings("http://127.0.0.1:9/api/v2", Secret("key", ""), "repeat", "0", 10.0),
    backend=BackendSettings("embedded", "", "unused"),
    topics=TopicNames("events", "rejected", "media-urls"),
    lanes=16,
    subscription="reconcile",
    after_seconds=180.0,
    grace_seconds=120.0,
    seconds=100.0,
    max_calls=20,
)
"""The defaults."""


def work_message(
    event_type: str, at: datetime, *, run_id: str = "r1", video_id: str = "", name: str = ""
) -> Message:
    """Return the message of an event about work, as the ingest publishes it."""
    event = Event(
        name or f"{event_type}-{run_id}-{video_id}-{at.isoformat()}",
        event_type,
        at.isoformat(),
        None,
        video_id or None,
        run_id or None,
        None,
        b"{}",
    )
    channel = STEPS[event_type].channel if event_type in STEPS else "stream"
    return event_message(event, source="//a/b", channel=channel, ordering_key="", trace={})


@dataclass
class Vendor:
    """What VideoVector says when it is asked: the row of each video.

    `fail` is called before each request.
    """

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    fail: Callable[[], None] = lambda: None
    requests: list[list[str]] = field(default_factory=list)

    def run(self, run_id: str, status: str, *video_ids: str) -> None:
        """Set the status of a run with these videos, which have the segments that it implies."""
        done = status not in ("pending", "processing")
        for video_id in video_ids:
            row = self.rows.setdefault(video_id, {"video_id": video_id, "processing_status": []})
            row["status"] = (
                ("failed" if status == "failed" else "processed") if done else "processing"
            )
            row["video_uri"] = f"gs://videos/{video_id}"
            others = [run for run in row["processing_status"] if run["run_id"] != run_id]
            counts = {"total_segments": 4, "failed_segments": 0, "successful_segments": 4 * done}
            row["processing_status"] = [*others, {"run_id": run_id, "status": status, **counts}]

    def batch_status(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        """Return the rows of known videos."""
        asked = list(ids)
        self.requests.append(asked)
        self.fail()
        return [self.rows[id_] for id_ in asked if id_ in self.rows]

    batch_videos = batch_status

    def list_webhooks(self) -> Iterator[Any]:
        """Return no webhook."""
        return iter(())


@dataclass
class Followed:
    """Runs of reconcile, five minutes apart unless `now` is set, over ports in memory."""

    ports: MemoryPorts = field(default_factory=MemoryPorts)
    vendor: Vendor = field(default_factory=Vendor)
    settings: ReconcileSettings = SETTINGS
    now: datetime = START

    def run(self, **seconds: float) -> ReconcileReport:
        """Run once; then time passes, by default until the next run."""
        reconciler = Reconciler(
            self.settings,
            Clients(
                Backend(self.ports, self.ports),
                self.ports,
                cast("Subscriptions", self.ports),
                cast("VideoVectorClient", self.vendor),
                cast("WebhooksClient", self.vendor),
            ),
            clock=lambda: 0.0,
            now=lambda: self.now,
        )
        try:
            return reconciler.run()
        finally:
            self.ports.expire_leases()
            self.now += timedelta(**seconds) if seconds else EVERY

    def add(self, *messages: Message) -> None:
        """Publish messages."""
        for message in messages:
            self.ports.add(message)

    @property
    def repairs(self) -> list[Message]:
        """The events that were published in the place of others, repeats included."""
        return [
            message
            for _, message in self.ports.published
            if message.attributes["ce-channel"] == RECONCILED
        ]

    @property
    def types(self) -> list[str]:
        """The types of the repairs without repeats, in order of publishing."""
        ids = {each.attributes["ce-id"]: each.attributes["ce-type"] for each in self.repairs}
        return [type_.removeprefix("com.vectormethods.") for type_ in ids.values()]
