"""What an action is: its fields, the state of a target that they ask for, and how that happens."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import orjson

from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects.parts import Part
from videovector_bridge.automate.effects.record import RETENTION_SECONDS, Version, shorten
from videovector_bridge.automate.effects.task import Applied, Task
from videovector_bridge.automate.received import Received
from videovector_bridge.errors import PermanentError
from videovector_bridge.events import ENTITY_IDS, id_text

Kind = Literal["text", "flag", "whole", "object", "list", "any"]
Values = Mapping[str, Any]

# Two of them and a digest fit an attribute, which holds 1,024 bytes.
_MAX_ID: Final = 400
MAX_STATE_BYTES: Final = 100_000
"""A record holds two states, and stays below Firestore's 1 MiB."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action.

    `text` may hold `{...}` expressions, and so may every string inside an `object`, a `list` or
    `any` JSON value; a `flag` is true or false, a `whole` a number from `least` to `most` or one
    expression that gives it. A `list` has `least` to `most` items, each as `items` says. An
    `object` has the fields in `keys` and no others; without `keys` it may have any. `choices`
    limits a text that is written out; empty allows any. A `required` field is not empty.
    `instead_of` names fields that must not be given beside it. `doubts` yields what VideoVector may
    refuse in a value that is written out, and what to write; texts with expressions in it are
    templates.
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
    doubts: "Callable[[Any], Iterable[tuple[str, str]]] | None" = None


def effect_key(automation: str, version: Version) -> str:
    """The name of an automation's effect of an event; fits a header, the same at every try."""
    digest = hashlib.sha256(f"{version.source}\0{automation}".encode("utf-8", "surrogatepass"))
    return f"{shorten(version.event_id, _MAX_ID)}:{digest.hexdigest()[:16]}"


def part_key(key: str, part: str) -> str:
    """The name of one part of an effect; fits a header."""
    fits = id_text(part) is not None
    return f"{key}:{shorten(part, _MAX_ID if fits else 0)}"


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that starts an action, and the name of the automation that asks for it."""

    automation: str
    received: Received

    @property
    def key(self) -> str:
        """The name of what this automation does for this event."""
        return effect_key(self.automation, self.received.version)

    def record(self) -> dict[str, Any]:
        """What messages about the effect say of its cause; small, and fits a document."""
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
"""How long the record of a target is needed that only one event has."""


class TargetState(NamedTuple):
    """A target by its name, and the state that an event asks for (JSON values, no secrets).

    `{"absent": ...}` is the state of a target that should not exist. For a target that only one
    event has, `keep_seconds` is `ONE_EVENT_SECONDS`.
    """

    target: str
    desired: Values
    keep_seconds: float | None = None


def checked_state(state: TargetState) -> TargetState:
    """The same state. Raises `PermanentError` for one that is too large for a record."""
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
            f"The state for {state.target[:100]!r} has {size:,} bytes; a record holds at most "
            f"{MAX_STATE_BYTES:,}. Let the automation take less from the event.",
            owner="user",
            code="marker_too_large" if state.target.startswith("marker:") else "state_too_large",
        )
    return state


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action: a table's name in the automations file, and what follows from it.

    `target_state` is pure: it returns the state of a target that an automation's rendered fields
    and the event ask for, or raises `PermanentError`. `apply` makes a target equal to the state
    of a task, which need not be this event's; done again, it changes nothing. It raises
    `TransientError` where the message must be redelivered, and `PermanentError` where the state
    is refused. Where `parts` returns parts (a key and a state each), `apply` is called for each of
    them: only for targets that one event has.

    `entry_point` is the function that serves it. Each tuple in `one_of` is a set of fields of which
    at least one set must be given whole. `target_kind` is what its targets' names begin with;
    actions that share targets have the same. `needs` names settings without which the action does
    nothing, `emits` the type of the bridge's own event that it publishes. `lasts_seconds` is how
    long `apply` may take beyond one request.
    """

    name: str
    entry_point: str
    fields: Mapping[str, Field]
    target_kind: str
    target_state: Callable[[Values, Cause], TargetState]
    apply: Callable[[Context, Task], Applied | None]
    parts: Callable[[Context, Values], Iterable[Part] | None] | None = None
    one_of: tuple[tuple[str, ...], ...] = ()
    needs: tuple[str, ...] = ()
    emits: str = ""
    lasts_seconds: float = 0.0
