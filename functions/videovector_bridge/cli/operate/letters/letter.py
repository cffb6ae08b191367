"""A letter: what a command remembers of a rejected message or a dead letter. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Final, Literal

from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.events import TYPE_PREFIX
from videovector_bridge.restore import ADDED_BY_PUBSUB, is_event, is_frame

Kind = Literal["rejected", "dead-letters"]
"""The name of a subscription in the topology, and of a group of commands."""

SOURCE_SUBSCRIPTION: Final = ADDED_BY_PUBSUB + "SourceSubscription"
_PART_OF: Final = ("sha256", "parts", "action", "automation", "target-part", "ce-source")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message without its data, which is `size` bytes.

    `function` is the function that rejected it, or that did not acknowledge it; empty for data of
    the stream or of a webhook. `event_type` is without the prefix. `group` names the parts of one
    whole, of which this is number `part`; empty if the message is whole. `parts` and `sha256` are
    0 and empty where only another part has them. `has_reference`: its data is elsewhere.
    """

    message_id: str
    published_at: datetime
    size: int
    event_id: str
    source: str
    event_type: str
    function: str
    automation: str
    code: str
    reason: str
    is_event: bool
    is_frame: bool
    has_reference: bool
    group: str
    part: int
    parts: int
    sha256: str

    @property
    def key(self) -> tuple[str, str]:
        """The identity of what is published again: the event's source and id, else its own."""
        return (
            (self.source, self.event_id) if self.is_event else ("", self.group or self.message_id)
        )


def read_letter(kind: Kind, pulled: PulledMessage, functions: Mapping[str, str]) -> Letter:
    """Return the letter of a message.

    `functions` has the name of a function by its action, and by the id of its subscription.
    """
    names = pulled.message.attributes
    is_rejected = kind == "rejected"
    origin = names.get("action" if is_rejected else SOURCE_SUBSCRIPTION, "").rpartition("/")[2]
    part, parts = _number(names.get("part")), _number(names.get("parts"))
    is_part = is_rejected and part > 0 and parts != 1
    return Letter(
        message_id=pulled.message_id,
        published_at=pulled.published_at,
        size=len(pulled.message.data),
        event_id=names.get("ce-id") or names.get("event-id", ""),
        source=intern(names.get("ce-source") or names.get("source", "")),
        event_type=intern(names.get("ce-type", "").removeprefix(TYPE_PREFIX)),
        function=intern(functions.get(origin, origin)),
        automation=intern(names.get("automation", "") if is_rejected else ""),
        code=intern(names.get("code", "") if is_rejected else ""),
        reason=intern(names.get("reason", "") if is_rejected else ""),
        is_event=is_event(names),
        is_frame=is_rejected and is_frame(names),
        has_reference=bool(names.get("ce-dataref")),
        group=_group(names) if is_part else "",
        part=part,
        parts=parts,
        sha256=names.get("sha256", ""),
    )


def _group(names: Mapping[str, str]) -> str:
    """Return what the parts of one whole have in common. A repeated part is in the same group."""
    event_id = names.get("ce-id") or names.get("event-id", "")
    frame = names.get("frame")
    return frame or "\n".join((event_id, *(names.get(name, "") for name in _PART_OF)))


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
