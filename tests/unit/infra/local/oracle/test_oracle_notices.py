"""The oracle of `make run` detects faults of the planner, because it shares no code with it.

The bridge's planner plans a history of the stand-in, from automations with a planted mistake. The
test applies the planned effects, and the oracle compares them with the expected ones.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import orjson
import pytest

from infra.local.clouds.cloud import TopicMessage
from infra.local.configuration import SHIPPED_AUTOMATIONS
from infra.local.oracle.effects import Effects, compare_effects
from infra.local.oracle.expected import expected_effects
from infra.local.oracle.observation import Observation
from infra.local.oracle.oracle import Oracle
from infra.local.oracle.progress import Progress
from infra.standin import Library, StandInConfig
from infra.standin.events.event import Event
from infra.standin.runs.plan import plan_run
from infra.standin.webhooks.events import WebhookEventMapper
from tests.support.local_run import at, event
from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.automate.plan import Automation, plan
from videovector_bridge.automate.received import ReceivedEvent, parse_event

SHIPPED: Final = SHIPPED_AUTOMATIONS.read_text(encoding="utf-8")
NAMES: Final = [each["name"] for each in tomllib.loads(SHIPPED)["automation"]]


# Runs of the history: number, channels that report them, and the event that ends them early.
RUNS: Final = (
    *((number, ("stream", "webhook"), "") for number in range(6)),
    (6, ("stream",), "processing.run_failed"),
    (7, ("stream",), ""),
    (10, ("webhook",), "processing.run_failed"),
)


@cache
def history() -> tuple[TopicMessage, ...]:
    """The messages on topic `events` of runs over a library."""
    config = StandInConfig(segment_failure_rate=0.3, video_failure_rate=0.3)
    library, mapper = Library(config), WebhookEventMapper(config.seed)
    videos = library.indexed(library.index_ids[0])[:3]
    messages: list[TopicMessage] = []
    for run, channels, end in RUNS:
        for step in plan_run(config, run, videos):
            number = len(messages)
            happened = Event(
                event_id=f"evt_{number:04d}",
                event_type=step.event_type,
                user_id="u",
                run_id=step.run_id,
                video_id=step.video_id,
                segment_id=step.segment_id,
                index_id=step.index_id,
                created_at=at(number).isoformat(),
                payload=step.payload,
            )
            if "stream" in channels:
                data = happened.data()
                messages.append(message(happened.event_id, happened.event_type, "stream", data))
            if "webhook" in channels:
                webhook_events = mapper.from_event(happened)
                messages += [
                    message(each.id, each.event_type, "webhook", each.body())
                    for each in webhook_events
                ]
            if step.event_type == end:
                break
    return tuple(messages)


def message(event_id: str, event_type: str, channel: str, data: bytes) -> TopicMessage:
    """A message on topic `events`."""
    attributes = {
        "ce-id": event_id,
        "ce-source": f"//{channel}",
        "ce-type": f"com.vectormethods.{event_type}",
        "ce-channel": channel,
    }
    return TopicMessage(attributes, data, at(1))


@dataclass
class AppliedEffects(Oracle):
    """VideoVector and the cloud after every planned effect was applied.

    Every video has two segments. Every search has one match, whose id is the search.
    """

    markers: dict[tuple[Any, ...], Mapping[str, Any]] = field(default_factory=dict)
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    own: list[TopicMessage] = field(default_factory=list)

    @property
    def has_api(self) -> bool:
        """No other user works on the account."""
        return True

    def segments(self, video_id: str, run_id: str) -> dict[str, str]:
        """Their URIs contain video and run."""
        return {name: f"gs://b/{video_id}/{run_id}/{name}" for name in ("s1", "s2")}

    def matches(self, search: Mapping[str, Any]) -> list[str]:
        """The one match."""
        return [orjson.dumps(search, option=orjson.OPT_SORT_KEYS).decode()]

    def is_preview(self, name: str, kind: str, of: str) -> bool:
        """Whether the file was stored with this content."""
        return self.files.get(name) == (kind, of)

    def document(self, _collection: str, document_id: str) -> Mapping[str, Any] | None:
        """The document of a video."""
        return self.documents.get(document_id)

    def is_snapshot(self, document: Mapping[str, Any], video_id: str) -> bool:
        """Whether it is the document of the video."""
        return bool(document["video_id"] == video_id)

    def apply(self, desired: Mapping[str, Any], cause: Mapping[str, Any]) -> None:
        """Apply a desired state, as its action does."""
        match desired:
            case {"marker": body}:
                target = body["target_type"], body["target_id"], body.get("field_path")
                self.markers[target] = body
            case {"absent": {"match": match}}:
                target = match["target_type"], match["target_id"], match.get("field_path")
                self.markers.pop(target, None)
            case {"segments": True}:
                segments = self.segments(cause["video_id"], cause["run_id"] or "")
                for segment_id, gcs_uri in segments.items():
                    self.issue(gcs_uri, {**cause, "segment_id": segment_id})
            case {"gcs_uri": gcs_uri}:
                self.issue(gcs_uri, cause)
            case {"kind": kind, "of": of, "name": name}:
                self.files[name] = kind, of
                self.announce("media.preview_stored", cause, uri=f"gs://previews/{name}")
            case {"search": search}:
                for result_id in self.matches(search):
                    self.announce("search.matched", cause, match={"result_id": result_id})
            case {"video_id": video_id}:
                self.documents[video_id] = {"video_id": video_id, "event": cause}

    def issue(self, gcs_uri: str, cause: Mapping[str, Any]) -> None:
        """Publish a URL."""
        data = orjson.dumps({"gcs_uri": gcs_uri, **cause})
        self.progress.note_urls([TopicMessage({"ce-id": gcs_uri}, data, at(2))])

    def announce(self, event_type: str, cause: Mapping[str, Any], **payload: Any) -> None:
        """Publish an event of the bridge."""
        payload = {"automation": cause["automation"], "event_id": cause["event_id"], **payload}
        self.own.append(event(f"own{len(self.own)}", event_type, channel="bridge", payload=payload))


def received(each: TopicMessage) -> ReceivedEvent:
    """The event in the shape that automations receive."""
    return parse_event(
        each.data,
        event_id=each.attributes["ce-id"],
        source=each.attributes["ce-source"],
        event_type=each.attributes["ce-type"],
        channel=each.attributes["ce-channel"],
        stated_time=None,
        now=at(0),
    )


def run_planner(text: str) -> Effects:
    """Apply the effects that the planner plans for these automations, and compare them."""
    applied, automations = AppliedEffects(), read_automations(text, "planted.toml")
    apply_plan(history(), automations, applied)
    apply_plan(tuple(applied.own), automations, applied)
    applied.progress.note_events([*history(), *applied.own])
    expected = expected_effects(applied.progress.published.values())
    return compare_effects(expected, Observation(applied.progress, applied.markers, applied))


def apply_plan(
    messages: tuple[TopicMessage, ...],
    automations: tuple[Automation, ...],
    applied: AppliedEffects,
) -> None:
    """Apply the planned effects of each event, in order."""
    for each in sorted(map(received, messages), key=lambda each: each.version):
        for planned in plan(automations, each):
            if planned.outcome == "effect" and planned.state is not None:
                desired = planned.state.desired
                cause = {
                    **{name: each.fields[name] for name in ("run_id", "video_id", "segment_id")},
                    "automation": planned.automation.name,
                    "event_id": each.version.event_id,
                }
                applied.apply(desired, cause)


def without(name: str) -> str:
    """The shipped automations without one."""
    before, _, rest = SHIPPED.partition(f'[[automation]]\nname = "{name}"\n')
    _, mark, after = rest.partition("\n[[automation]]\n")
    return before + (f"[[automation]]\n{after}" if mark else "")


def test_the_shipped_automations_agree_with_the_table() -> None:
    """Over a history in which every automation has effects, nothing is missing or surplus."""
    effects = run_planner(SHIPPED)

    assert (effects.missing, effects.surplus) == ((), ())
    assert effects.confirmed == effects.expected
    assert min(effects.confirmed.values()) > 1


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_automation_is_detected(name: str) -> None:
    """The oracle detects it for every shipped automation."""
    effects = run_planner(without(name))

    assert effects.missing or effects.surplus


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('color = "red"', 'color = "green"'),
        ('note = "failed at {event.created_at}"', 'note = "failed"'),
        (
            'target_type = "run"\ntarget_id = "{event.run_id}"\ncolor = "orange"',
            'target_type = "prompt"\ntarget_id = "{event.run_id}"\ncolor = "orange"',
        ),
        ('on = ["prompt_run.failed", ', "on = ["),
        ('channel = "webhook"', 'channel = "stream"'),
        ("event.payload.failed_segments > 0", "true"),
        ("event.payload.failed_segments > 0", "event.payload.failed_segments > 1"),
        ("event.payload.start_time == 0.0", "true"),
        ("videos/{event.video_id}/first.jpg", "first.jpg"),
        ('"processing.video_*"', '"processing.video_started"'),
        ("top_k = 20", "top_k = 10"),
        ("value = 0.8", "value = 0.7"),
        ("startsWith('gs://')", "startsWith('file://')"),
    ],
)
def test_a_wrong_automation_is_detected(right: str, wrong: str) -> None:
    """Its effects are missing or surplus."""
    assert right in SHIPPED

    effects = run_planner(SHIPPED.replace(right, wrong))

    assert effects.missing or effects.surplus
