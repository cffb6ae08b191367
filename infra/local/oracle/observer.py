"""Observes a run: reads topics, API and state, and compares them with the expected effects."""

import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.clouds.cloud import TopicMessage
from infra.local.oracle.effects import Confirmed, Effects, compare_effects
from infra.local.oracle.expected import expected_effects
from infra.local.oracle.failure_report import NO_FAILURES, FailureReport
from infra.local.oracle.lost_ends import NOTHING_LOST, LostEnds
from infra.local.oracle.observation import Observation, index_markers
from infra.local.oracle.oracle import Oracle
from infra.local.oracle.progress import Progress
from infra.local.stack import Stack
from videovector_bridge.api import ApiError
from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.errors import BackendError


@dataclass(frozen=True, slots=True)
class WebhookSummary:
    """The number of events sent to webhooks, and the ids of those missing on topic `events`.

    `pending` counts deliveries that are neither accepted nor abandoned.
    """

    events: int
    missing: tuple[str, ...] = ()
    pending: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a run.

    `emitted` is the number of events that must be published, None if the API does not report it.
    `missing` has the ids of those that are not published yet. `unchecked` is the reason why effects
    are not checked, or empty.
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
    """None if the API does not report its deliveries."""
    unchecked: str = ""
    failures: FailureReport = NO_FAILURES
    lost_ends: LostEnds = NOTHING_LOST

    @property
    def unexpected(self) -> list[TopicMessage]:
        """The messages on topic `rejected` that no failure of the scenario explains."""
        expected = self.failures.rejections
        return [
            message
            for message in self.progress.rejected
            if not any(rejection.matches(message) for rejection in expected)
        ]

    @property
    def has_all_events(self) -> bool:
        """Whether every event of both channels was observed."""
        if self.webhooks is not None and (self.webhooks.missing or self.webhooks.pending):
            return False
        return not self.missing

    @property
    def complete(self) -> bool:
        """Whether every event of both channels and every effect was observed."""
        effects = not self.effects.missing and self.failures.complete
        return self.has_all_events and effects and self.lost_ends.complete


class Observer:
    """Observes the stack, and updates `progress`."""

    def __init__(self, stack: Stack, progress: Progress, started_at: datetime) -> None:
        self._stack = stack
        self._progress = progress
        self._started_at = started_at
        self._reading = threading.Lock()
        upstream = stack.upstream
        # On a real account, make no requests only to check effects.
        api = VideoVectorClient(upstream.api_url, lambda: upstream.key)
        self._oracle = Oracle(stack.cloud, api if upstream.control else None)
        self._confirmed: dict[str, Confirmed] = {}
        self._cursor: str | None = None

    def observe(
        self, markers: Iterable[Mapping[str, Any]] | None, delayed: frozenset[str] = frozenset()
    ) -> Observation:
        """Return the state so far, with the API's current markers (None: not readable)."""
        return Observation(self._progress, index_markers(markers), self._oracle, delayed)

    def read_events(self) -> None:
        """Count new messages on topic `events`. May be called from several threads."""
        name = self._stack.configuration.topic_names["events"]
        with self._reading:
            self._progress.note_events(self._stack.cloud.observe(name))

    def take_snapshot(
        self,
        phase: str,
        *,
        required: Iterable[str] | None,
        markers: Iterable[Mapping[str, Any]] | None,
        killed_windows: int = 0,
        webhooks: Mapping[str, Any] | None = None,
        failures: FailureReport = NO_FAILURES,
    ) -> Snapshot:
        """Read everything and return a snapshot.

        `required` has the ids of the events that must be published, None if the API does not report
        them. `markers` has the API's markers, None if they are not readable. `webhooks` is the
        stand-in's report of its deliveries.
        """
        stack, progress = self._stack, self._progress
        names = stack.configuration.topic_names
        # Read events last, so that the cause of every other message has been read.
        progress.note_rejected(stack.cloud.observe(names["rejected"]))
        progress.note_urls(stack.cloud.observe(names["media-urls"]))
        self.read_events()
        unchecked = stack.configuration.unchecked
        observation = self.observe(markers, failures.delayed)
        effects = Effects() if unchecked else self._compare(observation)
        ids = None if required is None else list(required)
        return Snapshot(
            phase,
            (datetime.now(UTC) - self._started_at).total_seconds(),
            None if ids is None else len(ids),
            tuple(event_id for event_id in ids or () if event_id not in progress.events),
            progress,
            effects,
            self._read_cursor(),
            killed_windows,
            None if webhooks is None else _summarize(webhooks, progress),
            unchecked,
            failures,
            progress.judge_lost_ends(),
        )

    def _read_cursor(self) -> str | None:
        """Return the cursor of the first stream; if it is not readable now, the last one read."""
        with suppress(BackendError):
            self._cursor = self._stack.cloud.cursor(
                next(iter(self._stack.configuration.drain.streams))
            )
        return self._cursor

    def _compare(self, observation: Observation) -> Effects:
        expected = expected_effects(observation.progress.published.values())
        try:
            return compare_effects(expected, observation, self._confirmed)
        except ApiError as error:
            return Effects(missing=(f"(the API did not respond: {error})",))


def _summarize(webhooks: Mapping[str, Any], progress: Progress) -> WebhookSummary:
    ids = webhooks["event_ids"]
    missing = tuple(event_id for event_id in ids if event_id not in progress.webhooks)
    return WebhookSummary(len(ids), missing, webhooks["unsettled"])
