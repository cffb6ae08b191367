"""The failures of a run: each step waits for the effect of the step before."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from infra.local.clouds.cloud import TopicMessage
from infra.local.oracle.observation import Observation, index_markers
from infra.local.oracle.progress import Progress
from infra.local.scenario.failures import RUN_ID, VIDEOS, Failures, Video
from tests.support.local_run import at

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
IDS = [f"v{number}" for number in range(VIDEOS)]
REFUSED, *OTHERS, LINKED = IDS


class Run:
    """The stand-in, topics and documents of a run; a test sets what is observed."""

    def __init__(self) -> None:
        self.emitted: dict[str, Mapping[str, Any]] = {}
        self.faulted: list[Mapping[str, Any]] = []
        self.redriven: list[list[str]] = []
        self.deliverable = 2
        self.progress = Progress()
        self.markers: list[dict[str, Any]] = []
        self.documents: dict[str, str] = {}
        control: Any = self
        videos = [Video(id_, f"gs://b/{id_}") for id_ in IDS]
        self.failures = Failures(control, videos, self.redrive, now=lambda: NOW)

    def events(self, *events: Mapping[str, Any]) -> list[str]:
        """Emit events; return their ids."""
        ids = [f"e{len(self.emitted) + number}" for number in range(len(events))]
        self.emitted |= dict(zip(ids, events, strict=True))
        return ids

    def faults(self, *faults: Mapping[str, Any]) -> None:
        """Set faults."""
        self.faulted += faults

    def clear_faults(self) -> None:
        """Remove all faults."""
        self.faulted.clear()

    def event_of(self, **fields: str) -> str:
        """The id of the one event with these fields."""
        (event_id,) = (
            id_
            for id_, each in self.emitted.items()
            if all(each.get(name) == value for name, value in fields.items())
        )
        return event_id

    def reject(self, action: str, automation: str, event_id: str) -> None:
        """Publish an event to topic `rejected`."""
        names = {"action": action, "automation": automation, "event-id": event_id}
        names["ce-id"] = event_id
        message = TopicMessage(names | {"code": "validation_refused"}, b"{}", at(1))
        self.progress.note_rejected([message])

    def redrive(self, event_ids: Sequence[str]) -> set[str]:
        """Redrive events, as far as Pub/Sub delivers their rejected messages."""
        self.redriven.append(list(event_ids))
        return {*event_ids[: self.deliverable]}

    def mark(self, color: str) -> None:
        """Set the run's marker to a colour."""
        self.markers = [{"target_type": "run", "target_id": RUN_ID, "color": color}]

    def document(self, _collection: str, video_id: str) -> Mapping[str, Any] | None:
        """The document of a video."""
        event_id = self.documents.get(video_id)
        return {"event": {"event_id": event_id}} if event_id else None

    def issue(self, gcs_uri: str, segment_id: str | None = None) -> None:
        """Publish a URL to `media-urls`."""
        event_id = self.event_of(event_type="processing.video_completed")
        fields = {"automation": "a", "event_id": event_id, "segment_id": segment_id}
        data = orjson.dumps({**fields, "gcs_uri": gcs_uri})
        self.progress.note_urls([TopicMessage({"ce-id": gcs_uri}, data, at(1))])

    def advance(self) -> str:
        """Advance the failures with the current observation; return the step."""
        oracle: Any = SimpleNamespace(
            document=self.document, segments=lambda *_: {"s1": "gs://b/s1", "s2": "gs://b/s2"}
        )
        observation = Observation(self.progress, index_markers(self.markers), oracle)
        self.failures.advance(observation)
        return self.failures.step

    def fail(self, *, without: str = "") -> None:
        """Cause all failures, and set the expected outcome of each, `without` one of them."""
        self.advance()
        failed = self.event_of(event_type="processing.run_failed")
        self.reject("upsert_marker", "failed runs are red", failed)
        if without != "rejection":
            self.reject("snapshot_media", "videos as documents", self.event_of(video_id=REFUSED))
        updated = OTHERS[1:] if without == "document" else OTHERS
        self.documents |= {id_: self.event_of(video_id=id_) for id_ in updated}
        self.issue("gs://b/s1", "s1")
        if without != "segment":
            self.issue("gs://b/s2", "s2")
        self.advance()
        if without != "marker":
            self.mark("orange")


def test_each_fault_concerns_one_thing() -> None:
    """One marker, one video and one object fail, and nothing else."""
    run = Run()
    run.advance()

    assert [(each["on"], each["status"], each["containing"]) for each in run.faulted] == [
        ("PUT /markers", 422, NOW.isoformat()),
        ("POST /videos/batch", 422, REFUSED),
        ("POST /videos/signed-url", 503, f"gs://b/{LINKED}"),
    ]
    assert run.emitted[run.event_of(run_id=RUN_ID)]["created_at"] == NOW.isoformat()


def test_an_older_event_is_emitted_after_the_newest_is_refused() -> None:
    """The run checks that the older event is applied."""
    run = Run()
    run.advance()
    run.advance()
    assert len(run.emitted) == VIDEOS + 1

    failed = run.event_of(event_type="processing.run_failed")
    run.reject("upsert_marker", "failed runs are red", failed)
    run.advance()
    run.advance()

    older = run.event_of(event_type="processing.run_completed_with_failures")
    assert run.emitted[older]["created_at"] < NOW.isoformat()
    assert len(run.emitted) == VIDEOS + 2


def test_refused_events_are_redriven_after_everything_else_worked() -> None:
    """The faults are removed, and each rejected message is redriven once."""
    run = Run()
    run.fail()
    assert run.faulted

    assert run.advance() == "recover"

    assert run.faulted == []
    assert run.redriven == [[each.attributes["ce-id"] for each in run.progress.rejected]]
    report = run.failures.report()
    assert (report.refusals, report.isolated, report.redriven) == (2, 3, 0)


def test_a_rejected_message_that_is_not_delivered_yet_is_redriven_later() -> None:
    """Pub/Sub may deliver it to one subscription before the other."""
    run = Run()
    run.deliverable = 1
    run.fail()

    assert [run.advance() for _ in range(4)] == ["recover"] * 4
    assert [len(each) for each in run.redriven] == [2, 1]


@pytest.mark.parametrize("without", ["document", "segment", "marker", "rejection"])
def test_a_failure_that_disturbs_another_effect_stops_the_scenario(without: str) -> None:
    """Without every other effect there is no redrive."""
    run = Run()
    run.fail(without=without)

    assert run.advance() == "fail"
    assert run.redriven == []
    assert not run.failures.report().complete


def test_the_failures_are_over_when_every_refused_effect_is_observed() -> None:
    """These are the marker of the newest event, the document and the URL."""
    run = Run()
    run.fail()
    run.advance()
    assert run.advance() == "recover"

    run.mark("red")
    run.documents[REFUSED] = run.event_of(video_id=REFUSED)
    assert run.advance() == "recover"
    run.issue(f"gs://b/{LINKED}")

    assert run.advance() == "over"
    assert run.failures.report().complete


def test_delayed_effects_are_reported() -> None:
    """Their latency is not counted."""
    run = Run()
    run.fail()

    assert run.failures.report().delayed == {
        run.event_of(event_type="processing.run_failed"),
        run.event_of(event_type="processing.video_completed"),
        run.event_of(video_id=REFUSED),
    }
