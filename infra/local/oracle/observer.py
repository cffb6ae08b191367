"""Where a run stands: what the topics, the API and the state show, compared with what must be."""

import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.clouds.cloud import Observed
from infra.local.oracle.effects import (
    Effects,
    Observation,
    Settled,
    effects_found,
    markers_by_target,
)
from infra.local.oracle.expected import expected_effects
from infra.local.oracle.oracle import Oracle
from infra.local.oracle.progress import Progress
from infra.local.scenario.failures import NO_FAILURES, FailureReport
from infra.local.stack import Stack
from videovector_bridge.api import ApiError, VideoVectorClient
from videovector_bridge.errors import BackendError


@dataclass(frozen=True, slots=True)
class WebhookSummary:
    """Events that were sent to webhooks: how many, and the ids of those not on the topic.

    `under_way` counts deliveries that are neither accepted nor abandoned.
    """

    events: int
    missing: tuple[str, ...] = ()
    under_way: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a run stands.

    `emitted` counts the events that must be published, None where the API does not say so;
    `missing` are the ids of those that are not. `unchecked` says why no effects are looked for.
    """

    phase: str
    seconds: float
    emitted: int | None
    missing: tuple[str, ...]
    progress: Progress
    effects: Effects
    cursor: str | None
    killed_windows: int = 0
    webhooks: WebhookSummary | None = None
    """None where the API does not say what it sent."""
    unchecked: str = ""
    failures: FailureReport = NO_FAILURES

    @property
    def unexpected(self) -> list[Observed]:
        """The messages on topic `rejected` that no failure accounts for."""
        expected = self.failures.rejections
        return [
            message
            for message in self.progress.rejected
            if not any(each.describes(message) for each in expected)
        ]

    @property
    def complete(self) -> bool:
        """Whether every event of both channels, and every effect, is there."""
        if self.webhooks is not None and (self.webhooks.missing or self.webhooks.under_way):
            return False
        return not self.missing and not self.effects.missing and self.failures.complete


class Observer:
    """Looks at the stack, and keeps `progress` up to date."""

    def __init__(self, stack: Stack, progress: Progress, started_at: datetime) -> None:
        self._stack = stack
        self._progress = progress
        self._started_at = started_at
        self._looking = threading.Lock()
        upstream = stack.upstream
        # Of an API that is nobody's stand-in no more is asked than there must be.
        api = VideoVectorClient(upstream.api_url, lambda: upstream.key)
        self._oracle = Oracle(stack.cloud, api if upstream.control else None)
        self._settled: dict[str, Settled] = {}
        self._cursor: str | None = None

    def observation(
        self, markers: Iterable[Mapping[str, Any]] | None, delayed: frozenset[str] = frozenset()
    ) -> Observation:
        """What was seen so far, with the API's markers of now (None where they cannot be read)."""
        return Observation(self._progress, markers_by_target(markers), self._oracle, delayed)

    def look_at_events(self) -> None:
        """Note the messages that are new on topic `events`. Safe to call from several threads."""
        name = self._stack.configuration.topic_names["events"]
        with self._looking:
            self._progress.note_events(self._stack.cloud.observe(name))

    def look(
        self,
        phase: str,
        *,
        required: Iterable[str] | None,
        markers: Iterable[Mapping[str, Any]] | None,
        killed_windows: int = 0,
        webhooks: Mapping[str, Any] | None = None,
        failures: FailureReport = NO_FAILURES,
    ) -> Snapshot:
        """Look at everything.

        `required` are the ids of the events that must be published, None where the API does not
        say so. `markers` are those at the API, None where they cannot be read. `webhooks` is what
        the stand-in says of them, and `failures` what was seen of the failures.
        """
        stack, progress = self._stack, self._progress
        names = stack.configuration.topic_names
        # Events last: then the cause of everything else has been seen.
        progress.note_rejected(stack.cloud.observe(names["rejected"]))
        progress.note_urls(stack.cloud.observe(names["media-urls"]))
        self.look_at_events()
        unchecked = stack.configuration.unchecked
        seen = self.observation(markers, failures.delayed)
        effects = Effects() if unchecked else self._look_at_effects(seen)
        ids = None if required is None else list(required)
        return Snapshot(
            phase,
            (datetime.now(UTC) - self._started_at).total_seconds(),
            None if ids is None else len(ids),
            tuple(each for each in ids or () if each not in progress.events),
            progress,
            effects,
            self._read_cursor(),
            killed_windows,
            None if webhooks is None else _summary(webhooks, progress),
            unchecked,
            failures,
        )

    def _read_cursor(self) -> str | None:
        """The cursor of the first stream; the last one read while the state does not answer."""
        with suppress(BackendError):
            self._cursor = self._stack.cloud.cursor(
                next(iter(self._stack.configuration.drain.streams))
            )
        return self._cursor

    def _look_at_effects(self, seen: Observation) -> Effects:
        expected = expected_effects(seen.progress.published.values())
        try:
            return effects_found(expected, seen, self._settled)
        except ApiError as error:
            return Effects(missing=(f"(the API did not answer: {error})",))


def _summary(webhooks: Mapping[str, Any], progress: Progress) -> WebhookSummary:
    ids = webhooks["event_ids"]
    missing = tuple(each for each in ids if each not in progress.webhooks)
    return WebhookSummary(len(ids), missing, webhooks["unsettled"])
