"""What is known of a deployment at one moment, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from videovector_bridge.settings.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Unread:
    """A source that could not be read: why, in a sentence that names a missing role."""

    why: str


@dataclass(frozen=True, slots=True)
class StreamDocument:
    """The document `streams/{name}`, last written `age_seconds` ago by the clock of the store."""

    name: str
    fields: Mapping[str, Any]
    age_seconds: float


@dataclass(frozen=True, slots=True)
class WebhookFacts:
    """A webhook of the bridge, with its newest deliveries.

    `failed` counts failed ones, at most 100; `last_at` and `last_status` are of the
    newest delivery, empty without one. `deliveries_unread` says why they are unknown.
    """

    webhook_id: str
    name: str
    url: str
    status: str
    failure_count: int
    recorded: int = 0
    failed: int = 0
    last_at: str = ""
    last_status: str = ""
    deliveries_unread: str = ""


@dataclass(frozen=True, slots=True)
class BacklogFacts:
    """The unacknowledged messages of a subscription, and the age of the oldest; None: unknown."""

    messages: int | None
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """Messages of a subscription by reason code, or by function for dead letters.

    `complete`: every message that nobody has a lease on was read.
    """

    counts: Mapping[str, int]
    complete: bool


@dataclass(frozen=True, slots=True)
class AutomationFacts:
    """An automations file: automations by action, and the number of mistakes and warnings.

    `first` is the first of them as a sentence.
    """

    file: str
    by_action: Mapping[str, int]
    mistakes: int
    warnings: int
    first: str = ""


@dataclass(frozen=True, slots=True)
class OpenWorkFacts:
    """Runs and videos that started and have not finished, at most as many as were read.

    `unchecked_since` is the earliest time since when one was not asked about; None without any.
    """

    count: int
    complete: bool
    unchecked_since: datetime | None


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """The source tree of this command: its version, and the hash that a deployment would have."""

    version: str
    hash: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts. `target` has the options that name the deployment, such as `--project P`.

    `source` and `automations` are None without a source tree or file. `backlogs` is by
    subscription, by its name in the topology. `checks` has the last run of each (`watch.last_run`).
    """

    now: datetime
    target: str
    is_local: bool
    deployment: Deployment
    streams: tuple[StreamDocument, ...] | Unread
    webhooks: tuple[WebhookFacts, ...] | Unread
    channel: Mapping[str, Any] | Unread
    backlogs: Mapping[str, BacklogFacts] | Unread
    rejected: LetterFacts | Unread
    dead_letters: LetterFacts | Unread
    open_work: OpenWorkFacts | Unread
    checks: Mapping[str, Mapping[str, Any]] | Unread
    automations: AutomationFacts | Unread | None
    source: SourceFacts | None
