"""The oracle of `make run` notices what the planner gets wrong, because it shares nothing with it.

A history that the stand-in made is planned by the bridge's own planner, with a mistake planted in
the automations. What the planner asks for is then there, and the oracle looks at it.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import orjson
import pytest

from infra.local.clouds.cloud import Observed
from infra.local.configuration import SHIPPED_AUTOMATIONS
from infra.local.oracle.effects import Effects, Observation, effects_found
from infra.local.oracle.expected import expected_effects
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


# Runs of the history: number, channels on which they are heard of, and what ends them early.
RUNS: Final = (
    *((number, ("stream", "webhook"), "") for number in range(6)),
    (6, ("stream",), "processing.run_failed"),
    (7, ("stream",), ""),
    (10, ("webhook",), "processing.run_failed"),
)


@cache
def history() -> tuple[Observed, ...]:
    """What runs over a library bring to topic `events`."""
    config = StandInConfig(segment_failure_rate=0.3, video_failure_rate=0.3)
    library, mapper = Library(config), WebhookEventMapper(config.seed)
    videos = library.indexed(library.index_ids[0])[:3]
    messages: list[Observed] = []
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


def message(event_id: str, event_type: str, channel: str, data: bytes) -> Observed:
    """A message on topic `events`."""
    attributes = {
        "ce-id": event_id,
        "ce-source": f"//{channel}",
        "ce-type": f"com.vectormethods.{event_type}",
        "ce-channel": channel,
    }
    return Observed(attributes, data, at(1))


@dataclass
class World(Oracle):
    """VideoVector and the cloud after everything that a planner asked for was done.

    Every video has two segments, and every search one match, which shows what was searched.
    """

    markers: dict[tuple[Any, ...], Mapping[str, Any]] = field(default_factory=dict)
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    own: list[Observed] = field(default_factory=list)

    @property
    def knows_all(self) -> bool:
        """Nobody else uses it."""
        return True

    def segments(self, video_id: str, run_id: str) -> dict[str, str]:
        """Their addresses tell video and run."""
        return {name: f"gs://b/{video_id}/{run_id}/{name}" for name in ("s1", "s2")}

    def matches(self, search: Mapping[str, Any]) -> list[str]:
        """The one match."""
        return [orjson.dumps(search, option=orjson.OPT_SORT_KEYS).decode()]

    def preview_is_right(self, name: str, kind: str, of: str) -> bool:
        """Whether the file was stored from that."""
        return self.files.get(name) == (kind, of)

    def document(self, _collection: str, document_id: str) -> Mapping[str, Any] | None:
        """The document of a video."""
        return self.documents.get(document_id)

    def document_is_right(self, document: Mapping[str, Any], video_id: str) -> bool:
        """Whether it is that video's."""
        return bool(document["video_id"] == video_id)

    def do(self, desired: Mapping[str, Any], cause: Mapping[str, Any]) -> None:
        """Do what an action would."""
        match desired:
            case {"marker": body}:
                target = body["target_type"], body["target_id"], body.get("field_path")
                self.markers[target] = body
            case {"absent": {"match": shown}}:
                target = shown["target_type"], shown["target_id"], shown.get("field_path")
                self.markers.pop(target, None)
            case {"segments": True}:
                found = self.segments(cause["video_id"], cause["run_id"] or "")
                for segment_id, gcs_uri in found.items():
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
        self.progress.note_urls([Observed({"ce-id": gcs_uri}, data, at(2))])

    def announce(self, event_type: str, cause: Mapping[str, Any], **payload: Any) -> None:
        """Publish an event of the bridge."""
        payload = {"automation": cause["automation"], "event_id": cause["event_id"], **payload}
        self.own.append(event(f"own{len(self.own)}", event_type, channel="bridge", payload=payload))


def received(each: Observed) -> ReceivedEvent:
    """The event as automations see it."""
    return parse_event(
        each.data,
        event_id=each.attributes["ce-id"],
        source=each.attributes["ce-source"],
        event_type=each.attributes["ce-type"],
        channel=each.attributes["ce-channel"],
        stated_time=None,
        now=at(0),
    )


def look_after(automations: str) -> Effects:
    """What the oracle finds once everything was done as these automations are planned."""
    world, followed = World(), read_automations(automations, "planted.toml")
    act_on(history(), followed, world)
    act_on(tuple(world.own), followed, world)
    world.progress.note_events([*history(), *world.own])
    expected = expected_effects(world.progress.published.values())
    return effects_found(expected, Observation(world.progress, world.markers, world))


def act_on(
    messages: tuple[Observed, ...], automations: tuple[Automation, ...], world: World
) -> None:
    """Do what is planned for each event, in order."""
    for each in sorted(map(received, messages), key=lambda each: each.version):
        for planned in plan(automations, each):
            if planned.outcome == "effect" and planned.state is not None:
                desired = planned.state.desired
                cause = {
                    **{name: each.fields[name] for name in ("run_id", "video_id", "segment_id")},
                    "automation": planned.automation.name,
                    "event_id": each.version.event_id,
                }
                world.do(desired, cause)


def without(name: str) -> str:
    """The shipped automations but one."""
    before, _, rest = SHIPPED.partition(f'[[automation]]\nname = "{name}"\n')
    _, mark, after = rest.partition("\n[[automation]]\n")
    return before + (f"[[automation]]\n{after}" if mark else "")


def test_what_is_shipped_is_what_the_table_says() -> None:
    """Over a history in which every automation has effects."""
    found = look_after(SHIPPED)

    assert (found.missing, found.surplus) == ((), ())
    assert found.found == found.expected
    assert min(found.found.values()) > 1


@pytest.mark.parametrize("name", NAMES)
def test_an_automation_that_is_skipped_is_noticed(name: str) -> None:
    """Whichever it is."""
    found = look_after(without(name))

    assert found.missing or found.surplus


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
def test_a_wrong_automation_is_noticed(right: str, wrong: str) -> None:
    """Too little is missing, and too much is surplus."""
    assert right in SHIPPED

    found = look_after(SHIPPED.replace(right, wrong))

    assert found.missing or found.surplus
