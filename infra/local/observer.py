"""Where a run stands: what the topics, the API and the state show, compared with what must be."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.expected import Expected, expected_effects, markers_right
from infra.local.progress import Progress
from infra.local.stack import Stack
from videovector_bridge.automate.automations import Automation
from videovector_bridge.events import instant


@dataclass(frozen=True, slots=True)
class Effects:
    """Effects found and wanted, and how long they took after their event (milliseconds).

    `missing` describes the wanted ones that are not there.
    """

    markers: int = 0
    markers_wanted: int = 0
    urls: int = 0
    urls_wanted: int = 0
    milliseconds: tuple[float, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Events that webhooks were told of: how many, and the ids of those not on the topic.

    `under_way` counts deliveries that are neither taken nor given up.
    """

    events: int
    missing: tuple[str, ...] = ()
    under_way: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a run stands.

    `emitted` counts the events that must be published, None where the API does not tell;
    `missing` are the ids of those that are not.
    """

    phase: str
    seconds: float
    emitted: int | None
    missing: tuple[str, ...]
    progress: Progress
    effects: Effects
    cursor: str | None
    killed_windows: int = 0
    told: Told | None = None
    """None where the API does not tell."""

    @property
    def complete(self) -> bool:
        """Whether every event of both channels, and every effect, is there."""
        if self.told is not None and (self.told.missing or self.told.under_way):
            return False
        return not self.missing and not self.effects.missing


class Observer:
    """Looks at the stack, and keeps `progress` up to date."""

    def __init__(
        self,
        stack: Stack,
        progress: Progress,
        automations: tuple[Automation, ...],
        started_at: datetime,
    ) -> None:
        self._stack = stack
        self._progress = progress
        self._automations = automations
        self._started_at = started_at
        self._looking = threading.Lock()

    def look_at_events(self) -> None:
        """Note the messages that are new on topic `events`. Safe to call from several threads."""
        name = self._stack.configuration.topic_names["events"]
        with self._looking:
            self._progress.note_events(self._stack.cloud.observe(name))

    def look(
        self,
        phase: str,
        *,
        wanted: Iterable[str] | None,
        markers: Iterable[Mapping[str, Any]] | None,
        killed_windows: int = 0,
        webhooks: Mapping[str, Any] | None = None,
    ) -> Snapshot:
        """Look at everything.

        `wanted` are the ids of the events that must be published, None where the API does not
        tell. `markers` are those at the API, None where they cannot be read. `webhooks` is what
        the stand-in says of them.
        """
        stack, progress = self._stack, self._progress
        names = stack.configuration.topic_names
        self.look_at_events()
        progress.note_rejected(stack.cloud.observe(names["rejected"]))
        progress.note_urls(stack.cloud.observe(names["media-urls"]))
        effects = Effects(urls=len(progress.urls))
        if stack.configuration.effects_allowed:
            expected = expected_effects(progress.data.values(), self._automations)
            effects = effects_found(expected, progress, markers)
        ids = None if wanted is None else list(wanted)
        return Snapshot(
            phase,
            (datetime.now(UTC) - self._started_at).total_seconds(),
            None if ids is None else len(ids),
            tuple(each for each in ids or () if each not in progress.events),
            progress,
            effects,
            stack.cloud.cursor(next(iter(stack.configuration.drain.streams))),
            killed_windows,
            None if webhooks is None else _told(webhooks, progress),
        )


def _told(webhooks: Mapping[str, Any], progress: Progress) -> Told:
    ids = webhooks["event_ids"]
    missing = tuple(each for each in ids if each not in progress.webhooks)
    return Told(len(ids), missing, webhooks["unsettled"])


def effects_found(
    expected: Expected, progress: Progress, markers: Iterable[Mapping[str, Any]] | None
) -> Effects:
    """Compare what is there with `expected`. Markers that cannot be read are not expected."""
    found = list(markers or ())
    progress.note_markers(
        {f"{m.get('target_type')}:{m.get('target_id')}": m.get("color") for m in found}
    )
    wanted = {} if markers is None else expected.markers
    right = markers_right(expected, found)
    urls = {key: event_id for key, event_id in expected.urls.items() if key in progress.urls}
    done = [(progress.urls[key], event_id) for key, event_id in urls.items()]
    done += [
        (at, expected.marker_events[target])
        for target, written_at in right.items()
        if (at := instant(written_at)) is not None
    ]
    missing = [f"{t} after event {expected.marker_events[t]}" for t in wanted if t not in right]
    missing += [
        f"a signed URL after event {event_id}"
        for key, event_id in expected.urls.items()
        if key not in urls
    ]
    return Effects(
        len(right),
        len(wanted),
        len(urls),
        len(expected.urls),
        tuple((at - progress.first_seen[event]).total_seconds() * 1_000 for at, event in done),
        tuple(missing),
    )
