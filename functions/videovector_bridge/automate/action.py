"""What an action is: its fields, what an event wants by them of a target, and how that happens."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from videovector_bridge.automate.context import Context
from videovector_bridge.automate.received import Received

Kind = Literal["text", "flag", "whole", "object", "list"]
Values = Mapping[str, Any]

_IDS: Final = ("user_id", "run_id", "video_id", "segment_id", "index_id")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action.

    `text` may hold `{...}` expressions, and so may every string inside an `object` or a `list`; a
    `flag` is true or false, a `whole` a number from `least` to `most` or one expression that gives
    it. A `list` has `least` to `most` items. `choices` limits a text that is written out; empty
    allows any. `instead_of` names fields that must not be given beside it.
    """

    kind: Kind
    meaning: str
    required: bool = False
    choices: tuple[str, ...] = ()
    instead_of: frozenset[str] = frozenset()
    least: int = 0
    most: int = 1_000_000


def effect_key(automation: str, event_id: str) -> str:
    """What names an automation's effect of an event; fit for a header, the same at every try."""
    return f"{event_id}:{hashlib.sha256(automation.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that sets an action off, and the name of the automation that says so."""

    automation: str
    received: Received

    @property
    def key(self) -> str:
        """Names what this automation does for this event."""
        return effect_key(self.automation, self.received.version.event_id)

    def record(self) -> dict[str, Any]:
        """What messages about the effect tell of its cause; small, and fit for a document."""
        event, version = self.received.fields, self.received.version
        ids = {name: event.get(name) for name in _IDS}
        return {
            "key": self.key,
            "automation": self.automation,
            "event_id": version.event_id,
            "event_type": event["event_type"],
            "created_at": version.created_at,
            **{name: value if isinstance(value, str) else None for name, value in ids.items()},
        }


# Longer than Pub/Sub can keep a message: https://cloud.google.com/pubsub/quotas
ONE_EVENT_SECONDS: Final = 40 * 86_400.0


class Wanted(NamedTuple):
    """A target by its name, and the state that an event wants it in (JSON values, no secrets).

    The record of a target that only one event has is of no use once that event cannot come again:
    then `keep_seconds` is `ONE_EVENT_SECONDS`.
    """

    target: str
    desired: Values
    keep_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action: a table's name in the automations file, and what follows from it.

    `wanted` is pure: from an automation's rendered fields and the event it tells which target is to
    be in which state, or raises `PermanentError`. `apply` makes a target equal to a desired state,
    not necessarily this event's; done again, it changes nothing. `Effects` sees to the rest.
    `apply` raises `TransientError` where the message is to come again, `PermanentError` where that
    would not help.

    `entry_point` is the function that serves it. Each tuple in `one_of` is a set of fields of which
    at least one set must be given whole. `needs` names settings without which the action does
    nothing, `emits` the type of the bridge's own event that it publishes. `lasts_seconds` is how
    long `apply` may take beyond one request.
    """

    name: str
    entry_point: str
    fields: Mapping[str, Field]
    wanted: Callable[[Values, Cause], Wanted]
    apply: Callable[[Context, Values], None]
    one_of: tuple[tuple[str, ...], ...] = ()
    needs: tuple[str, ...] = ()
    emits: str = ""
    lasts_seconds: float = 0.0
