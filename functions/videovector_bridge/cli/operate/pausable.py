"""What an operator can pause, a stream or the webhook channel, and the change of its document."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from videovector_bridge.backends.ports import Document, Documents
from videovector_bridge.cli.operate.audit import begin_record, end_record
from videovector_bridge.errors import BackendError, ConflictError, SettingsError
from videovector_bridge.ingest.stream_document import COLLECTION
from videovector_bridge.pause import CHANNELS, FIELD, WEBHOOK, Pause, parse_pause
from videovector_bridge.settings.deployment import Deployment

SECONDS: Final = 20.0
"""Timeout of one call to the store."""
_ATTEMPTS: Final = 20  # a running window writes once a second
_STREAM: Final = "stream:"
_CHANNEL: Final = "channel:"

Subject = Annotated[
    str,
    typer.Argument(
        metavar="STREAM|webhook",
        help="A stream, or `webhook`. If a stream is named so: stream:webhook, channel:webhook.",
    ),
]


@dataclass(frozen=True, slots=True)
class Pausable:
    """A stream or the webhook channel: its document, and its name on the command line."""

    collection: str
    id: str
    argument: str

    @property
    def is_channel(self) -> bool:
        """Whether it is the webhook channel."""
        return self.collection == CHANNELS

    def __str__(self) -> str:
        return "The webhook channel" if self.is_channel else f"Stream {self.id!r}"


def find_pausable(argument: str, deployment: Deployment) -> Pausable:
    """Return what an argument names. Raises `SettingsError` with the known names."""
    streams = [each.name for each in deployment.streams]
    if argument == WEBHOOK and WEBHOOK in streams:
        raise SettingsError(
            [f"a stream has the name {WEBHOOK!r}: write {_STREAM}{WEBHOOK} or {_CHANNEL}{WEBHOOK}"]
        )
    if argument in (WEBHOOK, _CHANNEL + WEBHOOK):
        return Pausable(CHANNELS, WEBHOOK, argument)
    return Pausable(COLLECTION, find_stream(argument, streams), argument)


def find_stream(argument: str, streams: Sequence[str]) -> str:
    """Return the stream that an argument names. Raises `SettingsError` with the known names."""
    name = argument.removeprefix(_STREAM)
    if name not in streams:
        known = ", ".join(sorted(streams)) or "none"
        raise SettingsError([f"there is no stream {name!r} in the deployment, only {known}"])
    return name


@dataclass(frozen=True, slots=True)
class Change:
    """The pause before a change, and whether the document was changed."""

    before: Pause | None
    changed: bool


def change_pause(
    documents: Documents,
    pausable: Pausable,
    pause: Pause | None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Change:
    """Set or remove a pause by compare-and-set, recorded in `audit`.

    A pause is never replaced by another, so that its reason stays. Raises `BackendError`.
    """
    stored = _read(documents, pausable)
    before = _pause_of(stored)
    if (before is None) == (pause is None):
        return Change(before, changed=False)
    action = "resume" if pause is None else "pause"
    details = (pause or before or Pause("", "", "")).as_field()
    record = begin_record(documents, action, pausable.argument, details)
    change = _write(documents, pausable, pause, stored, sleep)
    end_record(documents, record, {"changed": change.changed})
    return change


def _write(
    documents: Documents,
    pausable: Pausable,
    pause: Pause | None,
    stored: Document | None,
    sleep: Callable[[float], None],
) -> Change:
    before = _pause_of(stored)
    value = None if pause is None else pause.as_field()
    for _ in range(_ATTEMPTS):
        try:
            documents.write(
                pausable.collection, pausable.id, {FIELD: value}, replaces=stored, timeout=SECONDS
            )
        except ConflictError:
            sleep(0.1)
            stored = _read(documents, pausable)
            now = _pause_of(stored)
            # After a lost response, the retry of our own write meets it.
            if now == pause:
                return Change(before, changed=True)
            if now is not None and pause is not None:
                return Change(now, changed=False)
        else:
            return Change(before, changed=True)
    raise BackendError(
        f"{pausable} was not changed: other writers wrote its document at each of {_ATTEMPTS} "
        f"attempts. Run the command again."
    )


def _read(documents: Documents, pausable: Pausable) -> Document | None:
    return documents.read(pausable.collection, pausable.id, timeout=SECONDS)


def _pause_of(stored: Document | None) -> Pause | None:
    return parse_pause(stored.fields) if stored is not None else None
