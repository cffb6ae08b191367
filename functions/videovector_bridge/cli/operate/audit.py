"""The record of what operators changed: documents in collection `audit`.

A record is written before the change, so that no change is without one; `outcome` is added after
it.
"""

import getpass
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any, Final

from videovector_bridge.backends.ports import Document, Documents

COLLECTION: Final = "audit"
_SECONDS: Final = 10.0


def find_operator() -> str:
    """Return who runs this process: `user@host`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One record: its id and its document."""

    id: str
    document: Document


def begin_record(
    documents: Documents,
    action: str,
    subject: str,
    details: Mapping[str, Any],
    *,
    now: datetime | None = None,
    by: str = "",
) -> AuditRecord:
    """Write the record of a change that begins; its id sorts by time.

    `action` is a command such as `rewind`, `subject` the stream or subscription.
    """
    at = (now or datetime.now(UTC)).isoformat(timespec="milliseconds")
    id_ = f"{at}-{action}-{token_hex(3)}"
    fields = {
        "at": at,
        "by": by or find_operator(),
        "action": action,
        "subject": subject,
        "details": dict(details),
        "outcome": None,
    }
    document = documents.write(COLLECTION, id_, fields, replaces=None, timeout=_SECONDS)
    return AuditRecord(id_, document)


def end_record(documents: Documents, record: AuditRecord, outcome: Mapping[str, Any]) -> None:
    """Add the outcome of the change to its record."""
    documents.write(
        COLLECTION,
        record.id,
        {"outcome": dict(outcome)},
        replaces=record.document,
        timeout=_SECONDS,
    )
