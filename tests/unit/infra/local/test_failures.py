"""The failures that a run goes through: each step waits for what the step before must show."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import orjson

from infra.local.clouds.cloud import Observed
from infra.local.oracle.effects import Observation, markers_by_target
from infra.local.oracle.progress import Progress
from infra.local.scenario.failures import RUN_ID, VIDEOS, Failures, Video
from tests.support.local_run import at

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
IDS = [f"v{number}" for number in range(VIDEOS)]
REFUSED, *OTHERS, LINKED = IDS


class Run:
    """Stand-in, topics and documents of a run in which a test says what there is to see."""

    def __init__(self) -> None:
        self.emitted: dict[str, Mapping[str, Any]] = {}
        self.faulted: list[Mapping[str, Any]] = []
        self.redriven: list[Observed] = []
        self.progress = Progress()
        self.markers: list[dict[str, Any]] = []
        self.documents: dict[str, str] = {}
        each: Any = self
        videos = [Video(id_, f"gs://b/{id_}") for id_ in IDS]
        self.failures = Failures(each, videos, self.redriven.append, now=lambda: NOW)

    def events(self, *given: Mapping[str, Any]) -> list[str]:
        """Let events happen."""
        ids = [f"e{len(self.emitted) + number}" for number in range(len(given))]
        self.emitted |= dict(zip(ids, given, strict=True))
        return ids

    def faults(self, *faults: Mapping[str, Any]) -> None:
        """Note the faults."""
        self.faulted += faults

    def clear_faults(self) -> None:
        """End them."""
        self.faulted.clear()

    def event_of(self, **fields: str) -> str:
        """The id of the one event with these fields."""
        (found,) = (
            id_
            for id_, each in self.emitted.items()
            if all(each.get(name) == value for name, value in fields.items())
        )
        return found

    def reject(self, action: str, automation: str, event_id: str) -> None:
        """Have an event on topic `rejected`."""
        names = {"action": action, "automation": automation, "event-id": event_id}
        message = Observed(names | {"code": "validation_refused"}, b"{}", at(1))
        self.progress.note_rejected([message])

    def mark(self, color: str) -> None:
        """Have the run's marker in a colour."""
        self.markers = [{"target_type": "run", "target_id": RUN_ID, "color": color}]

    def document(self, _collection: str, video_id: str) -> Mapping[str, Any] | None:
        """The document of a video."""
        event_id = self.documents.get(video_id)
        return {"event": {"event_id": event_id}} if event_id else None

    def issue(self, gcs_uri: str, segment_id: str | None = None) -> None:
        """Have a URL on `media-urls`."""
        event_id = self.event_of(event_type="processing.video_completed")
        facts = {"automation": "a", "event_id": event_id, "segment_id": segment_id}
        data = orjson.dumps({**facts, "gcs_uri": gcs_uri})
        self.progress.note_urls([Observed({"ce-id": gcs_uri}, data, at(1))])

    def advance(self) -> str:
        """Let the failures see it; the step that they are at then."""
        oracle: Any = SimpleNamespace(
            document=self.document, segments=lambda *_: {"s1": "gs://b/s1", "s2": "gs://b/s2"}
        )
        seen = Observation(self.progress, markers_by_target(self.markers), oracle)
        self.failures.advance(seen)
        return self.failures.step

    def fail(self) -> None:
        """All failures, each with the outcome that it must have."""
        self.advance()
        failed = self.event_of(event_type="processing.run_failed")
        self.reject("upsert_marker", "failed runs are red", failed)
        self.reject("snapshot_media", "videos as documents", self.event_of(video_id=REFUSED))
        self.documents |= {id_: self.event_of(video_id=id_) for id_ in OTHERS}
        self.issue("gs://b/s1", "s1")
        self.issue("gs://b/s2", "s2")
        self.advance()
        self.mark("orange")


def test_each_fault_is_about_one_thing() -> None:
    """One marker, one video and one object; nothing else is asked to fail."""
    run = Run()
    run.advance()

    assert [(each["on"], each["status"], each["containing"]) for each in run.faulted] == [
        ("PUT /markers", 422, NOW.isoformat()),
        ("POST /videos/batch", 422, REFUSED),
        ("POST /videos/signed-url", 503, f"gs://b/{LINKED}"),
    ]
    assert run.emitted[run.event_of(run_id=RUN_ID)]["created_at"] == NOW.isoformat()


def test_an_older_event_follows_once_the_newest_is_refused() -> None:
    """To show that it is applied all the same."""
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


def test_what_was_refused_is_redriven_when_all_else_went_well() -> None:
    """Each rejected message once, when the faults are over."""
    run = Run()
    run.fail()
    assert run.faulted

    assert run.advance() == "recover"

    assert run.faulted == []
    assert run.redriven == run.progress.rejected
    report = run.failures.report()
    assert (report.refusals, report.isolated, report.redriven) == (2, 3, 0)


def test_one_failure_that_disturbs_another_effect_stops_the_scenario() -> None:
    """Whatever is not there beside it is not made good by a redrive."""

    def no_document(run: Run) -> None:
        del run.documents[OTHERS[0]]

    def no_segment(run: Run) -> None:
        run.progress.urls.popitem()

    def no_marker(run: Run) -> None:
        run.markers = []

    def no_rejection(run: Run) -> None:
        run.failures._rejected.clear()
        run.progress.rejected.pop()

    for spoil in (no_document, no_segment, no_marker, no_rejection):
        run = Run()
        run.fail()
        spoil(run)

        assert run.advance() == "fail", spoil
        assert not run.failures.report().complete


def test_it_is_over_when_everything_refused_is_there() -> None:
    """The marker of the newest event, the document and the URL."""
    run = Run()
    run.fail()
    run.advance()
    assert run.advance() == "recover"

    run.mark("red")
    run.documents[REFUSED] = run.event_of(video_id=REFUSED)
    assert run.advance() == "recover"
    run.issue(f"gs://b/{LINKED}")

    assert run.advance() == "over"
    assert run.failures.over
    assert run.failures.report().complete


def test_effects_that_had_to_wait_are_named() -> None:
    """So that how long they took is not taken for how long effects take."""
    run = Run()
    run.fail()

    assert run.failures.report().delayed == {
        run.event_of(event_type="processing.run_failed"),
        run.event_of(event_type="processing.video_completed"),
        run.event_of(video_id=REFUSED),
    }
