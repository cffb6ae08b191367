"""The record of a target, stored at `effects/{target}`. Pure.

VideoVector has no conditional write. So each target has a record: the state that it should have
(`desired`), the newest state that VideoVector accepted (`accepted`), the events whose handlers may
still change the target (`pending`), and the events whose states were refused (`refused`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from videovector_bridge.errors import Owner, TransientError

# Pub/Sub keeps a message for 31 days at most: https://cloud.google.com/pubsub/quotas
RETENTION_SECONDS: Final = 40 * 86_400.0
MAX_PARTS: Final = 20_000
_MAX_KEY: Final = 200


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """The order of events on a target: by time, then by id, then by source.

    `created_at` is ISO 8601 in UTC with microseconds, so that text order is time order. Source and
    id identify an event, as in CloudEvents 1.0.
    """

    created_at: str
    event_id: str
    source: str = ""

    @property
    def key(self) -> str:
        """The key of the event in a record."""
        event_id = self.event_id.replace("%", "%25").replace("@", "%40")
        return shorten(f"{event_id}@{self.source}", _MAX_KEY)


def shorten(text: str, limit: int) -> str:
    """Return `text` if it has at most `limit` characters, else its SHA-256 in hex."""
    if len(text) <= limit:
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class State:
    """A state of a target, and the event that asks for it.

    `{"absent": ...}` is the state of a target that should not exist.
    """

    values: Mapping[str, Any]
    version: Version

    @property
    def absent(self) -> bool:
        """Whether the target should not exist."""
        return "absent" in self.values


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why and when (Unix time) an event's state was refused, and whether it is on `rejected`.

    `restore`: the target may differ from the record, and must be written after the report.
    """

    code: str
    detail: str
    owner: Owner
    at: float
    reported: bool = False
    restore: bool = True


@dataclass(frozen=True, slots=True)
class Parts:
    """The digests of the parts that are done, and of those that were refused and reported."""

    done: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Record:
    """The record of a target.

    `pending` maps the key of an event to the end of its claim (Unix time). By that time the attempt
    and its last request have ended. Only the attempt that wrote the time may end the claim earlier.
    `created`: this bridge may have created the target. `marker_id` is the id that VideoVector gave
    it.
    """

    desired: State | None
    accepted: State | None = None
    pending: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    created: bool = False
    marker_id: str = ""
    parts: Parts = Parts()

    def to_fields(self) -> dict[str, Any]:
        """Return the record as the fields of a document."""
        version = self.desired.version if self.desired else Version("", "")
        return {
            "desired": dict(self.desired.values) if self.desired else None,
            "created_at": version.created_at,
            "event_id": version.event_id,
            "source": version.source,
            # At the same depth as `desired`: Firestore limits the depth of a document.
            "accepted": dict(self.accepted.values) if self.accepted else None,
            "accepted_version": _version_fields(self.accepted),
            "pending": dict(self.pending),
            "refused": {key: _refusal_fields(refusal) for key, refusal in self.refused.items()},
            "created": self.created,
            "marker_id": self.marker_id,
            "parts_done": sorted(self.parts.done),
            "parts_refused": sorted(self.parts.refused),
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Read the record from a document. Version 0.1 wrote documents without outcomes."""
        values, pending = fields["desired"], fields["pending"]
        version = Version(fields["created_at"], fields["event_id"], fields.get("source", ""))
        desired = None if values is None else State(values, version)
        if "accepted" not in fields:
            accepted = None if pending else desired
            return cls(desired, accepted, pending, created=desired is not None)
        return cls(
            desired,
            _accepted_from(fields),
            pending,
            {key: _refusal_from(refusal) for key, refusal in fields["refused"].items()},
            fields["created"],
            fields["marker_id"],
            Parts(frozenset(fields["parts_done"]), frozenset(fields["parts_refused"])),
        )


def _version_fields(state: State | None) -> dict[str, str] | None:
    if state is None:
        return None
    version = state.version
    return {
        "created_at": version.created_at,
        "event_id": version.event_id,
        "source": version.source,
    }


def _accepted_from(fields: Mapping[str, Any]) -> State | None:
    if fields["accepted"] is None:
        return None
    return State(fields["accepted"], Version(**fields["accepted_version"]))


def _refusal_fields(refusal: Refusal) -> dict[str, Any]:
    return {
        "code": refusal.code,
        "detail": refusal.detail,
        "reason": refusal.owner,
        "at": refusal.at,
        "reported": refusal.reported,
        "restore": refusal.restore,
    }


def _refusal_from(fields: Mapping[str, Any]) -> Refusal:
    return Refusal(
        fields["code"],
        fields["detail"],
        fields["reason"],
        fields["at"],
        fields["reported"],
        fields["restore"],
    )


class ClaimHeldError(TransientError):
    """Another attempt at the same event may be under way."""
