"""The type of actions: their fields, and how they compute and apply the state of a target."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import orjson

from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects.parts import Part
from videovector_bridge.automate.effects.record import RETENTION_SECONDS, Version, shorten
from videovector_bridge.automate.effects.task import ApplyResult, Task
from videovector_bridge.automate.received import ReceivedEvent
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import ENTITY_IDS, id_text

Kind = Literal["text", "flag", "whole", "object", "list", "any"]
Values = Mapping[str, Any]

# Two ids and a digest fit in an attribute, which has at most 1,024 bytes.
_MAX_ID: Final = 400
MAX_STATE_BYTES: Final = 100_000
"""A record has two states, and stays below Firestore's limit of 1 MiB."""
_IDS: Final = ("user_id", "run_id", "video_id", "segment_id", "index_id")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action.

    Kinds: a `text` may contain `{...}` expressions, as may every string inside an `object`, a
    `list` or `any` JSON value. A `flag` is true or false. A `whole` is a number from `least` to
    `most`, or one expression. A `list` has `least` to `most` items, each of the form `items`. An
    `object` has the fields in `keys` and no others; if `keys` is empty, it may have any.

    `choices` are the allowed texts; empty allows all. A `required` field must not be empty.
    `instead_of` names the fields that must not be set beside this one. `find_warnings` yields
    what VideoVector may refuse in a value, and the correction; texts with expressions are templates
    in the value.
    """

    kind: Kind
    meaning: str
    required: bool = False
    choices: tuple[str, ...] = ()
    instead_of: frozenset[str] = frozenset()
    least: int = 0
    most: int = 1_000_000
    items: "Field | None" = None
    keys: "Mapping[str, Field]" = field(default_factory=dict)
    find_warnings: "Callable[[Any], Iterable[tuple[str, str]]] | None" = None


def effect_key(automation: str, version: Version) -> str:
    """Name an automation's effect of an event. Valid in a header, and equal on every attempt."""
    digest = hashlib.sha256(f"{version.source}\0{automation}".encode("utf-8", "surrogatepass"))
    return f"{shorten(version.event_id, _MAX_ID)}:{digest.hexdigest()[:16]}"


def part_key(key: str, part: str) -> str:
    """Name one part of an effect. Valid in a header."""
    fits = id_text(part) is not None
    return f"{key}:{shorten(part, _MAX_ID if fits else 0)}"


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that starts an action, and the name of the automation."""

    automation: str
    received: ReceivedEvent

    @property
    def key(self) -> str:
        """The name of the automation's effect of this event."""
        return effect_key(self.automation, self.received.replacement or self.received.version)

    def as_json(self) -> dict[str, Any]:
        """Return the cause as JSON values for messages and records: small enough for a document."""
        event, version = self.received.fields, self.received.version
        ids = {name: event.get(name) for name in ("user_id", *ENTITY_IDS)}
        return {
            "key": self.key,
            "automation": self.automation,
            "event_id": version.event_id,
            "event_source": version.source,
            "event_type": event["event_type"],
            "created_at": version.created_at,
            **{name: id_text(value) for name, value in ids.items()},
        }


ONE_EVENT_SECONDS: Final = RETENTION_SECONDS
"""Seconds for which a target that belongs to one event only needs its record."""


class TargetState(NamedTuple):
    """The name of a target, and the state that an event asks for (JSON values, no secrets).

    `{"absent": ...}` is the state of a target that should not exist. `keep_seconds` is
    `ONE_EVENT_SECONDS` for a target that belongs to one event only.
    """

    target: str
    desired: Values
    keep_seconds: float | None = None


def check_state(state: TargetState) -> TargetState:
    """Return the state. Raises `PermanentError` if it is too large for a record, or not JSON."""
    try:
        size = len(orjson.dumps(state.desired))
    except orjson.JSONEncodeError as error:
        raise PermanentError(
            f"The state for {state.target[:100]!r} is not JSON: {error}.",
            owner="user",
            code="state_not_json",
        ) from None
    if size > MAX_STATE_BYTES:
        raise PermanentError(
            f"The state for {state.target[:100]!r} has {size:,} bytes; a record allows at "
            f"most {MAX_STATE_BYTES:,}. Let the automation use less of the event.",
            owner="user",
            code="marker_too_large" if state.target.startswith("marker:") else "state_too_large",
        )
    return state


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action. `name` is the name of its table in the automations file.

    `target_state` is pure. From an automation's rendered fields and the event it returns the state
    of a target, or raises `PermanentError`. `apply` makes a target equal to the state of a task,
    which may come from another event. It is idempotent. It raises `TransientError` if the message
    must be redelivered, and `PermanentError` if the state is refused. If `parts` returns parts (a
    key and a state each), `apply` is called for each part. Only a target that belongs to one event
    may have parts.

    `entry_point` is the function that serves the action. At least one of the sets of fields in
    `one_of` is required. The names of its targets begin with `target_kind`; actions with the same
    targets have the same kind. `needs` names the settings that the action requires, and `emits` the
    type of the event that it publishes. `apply` may take `lasts_seconds` longer than one request.
    """

    name: str
    entry_point: str
    fields: Mapping[str, Field]
    target_kind: str
    target_state: Callable[[Values, Cause], TargetState]
    apply: Callable[[Context, Task], ApplyResult | None]
    parts: Callable[[Context, Values], Iterable[Part] | None] | None = None
    one_of: tuple[tuple[str, ...], ...] = ()
    needs: tuple[str, ...] = ()
    emits: str = ""
    lasts_seconds: float = 0.0
