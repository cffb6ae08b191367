"""Move the position of a paused stream, and undo that, by compare-and-set on its document.

The write replaces exactly the document that a person saw a preview for. It raises the fencing token
and empties the lease, so a window that still runs after the end of its lease loses its next write.
The field `rewind` keeps the position before, for `undo`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from videovector_bridge.backends.ports import Document, Documents, Timeout
from videovector_bridge.errors import BridgeError, ConflictError
from videovector_bridge.ingest.stream_document import (
    COLLECTION,
    Origin,
    lease_owner,
    lease_seconds_left,
    next_token,
)
from videovector_bridge.pause import parse_pause

_FIELD: Final = "rewind"
_POSITION: Final = ("cursor", "start_from", "start_setting", "ids_differ", "api_host", "filters")


class RewindRefused(BridgeError):
    """The stream must not be rewound in its present state."""


@dataclass(frozen=True, slots=True)
class RewindRecord:
    """The last rewind of a stream: its id, and the fields of the position before and after."""

    id: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def moved_since(self, fields: Mapping[str, Any]) -> bool:
        """Whether the stream has another position than this rewind set."""
        return read_position(fields) != read_position(self.after)


def read_position(fields: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the cursor, and without one where the stream begins."""
    cursor = fields.get("cursor")
    return cursor, fields.get("start_from") if cursor in (None, "") else None


def read_record(fields: Mapping[str, Any]) -> RewindRecord | None:
    """Return the last rewind in a stream's document; None if there is none to undo."""
    value = fields.get(_FIELD)
    if not isinstance(value, Mapping):
        return None
    before, after = value.get("before"), value.get("after")
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return None
    return RewindRecord(str(value.get("id")), before, after)


def check_state(name: str, document: Document | None) -> Document:
    """Return the document if its stream may be rewound. Raises `RewindRefused`."""
    if document is None or parse_pause(document.fields) is None:
        raise RewindRefused(
            f"Stream {name!r} is not paused. Run `videovector-bridge pause {name} --reason TEXT` "
            f"first; a window would move the cursor while you read the preview."
        )
    seconds = lease_seconds_left(document.fields, document.age_seconds)
    if lease_owner(document.fields) and seconds > 0:
        raise RewindRefused(
            f"A window still drains stream {name!r}: its lease lasts {seconds:.0f} s more, unless "
            f"it renews it. Run `videovector-bridge pause {name} --reason TEXT`, which waits for "
            f"the end of the window."
        )
    return document


def rewind(
    documents: Documents,
    name: str,
    document: Document,
    *,
    cursor: str | None,
    origin: Origin,
    id_: str,
    timeout: Timeout,
) -> None:
    """Set the cursor of a paused stream; None: it begins at the earliest event again.

    `id_` is unique to this rewind. Raises `RewindRefused` if `document` is no longer stored, and
    `BackendError`.
    """
    check_state(name, document)
    before = {key: document.fields.get(key) for key in _POSITION}
    after = before | {"cursor": cursor, "api_host": origin.api_host, "filters": origin.filters}
    if cursor is None:
        after |= {"start_from": "earliest", "start_setting": None}
    record = {"id": id_, "before": before, "after": after}
    _write(documents, name, document, {**after, _FIELD: record}, timeout)


def undo(
    documents: Documents, name: str, document: Document, *, id_: str, timeout: Timeout
) -> None:
    """Set the position back that the stream had before its last rewind. Raises as `rewind`."""
    check_state(name, document)
    record = read_record(document.fields)
    if record is None:
        raise RewindRefused(f"Stream {name!r} has no rewind to undo.")
    before = {key: record.before.get(key) for key in _POSITION}
    done = {"id": id_, "undone": record.id}
    _write(documents, name, document, {**before, _FIELD: done}, timeout)


def _write(
    documents: Documents,
    name: str,
    document: Document,
    changes: Mapping[str, Any],
    timeout: Timeout,
) -> None:
    changes = {**changes, "fencing_token": next_token(document.fields), "lease_owner": ""}
    try:
        documents.write(COLLECTION, name, changes, replaces=document, timeout=timeout)
    except ConflictError:
        stored = documents.read(COLLECTION, name, timeout=timeout)
        written = stored.fields.get(_FIELD) if stored is not None else None
        # After a lost response, the retry of our own write meets it.
        if isinstance(written, Mapping) and written.get("id") == changes[_FIELD]["id"]:
            return
        raise RewindRefused(
            f"The document of stream {name!r} changed in the last moments: nothing was changed. "
            f"Run the command again, and read the new preview."
        ) from None
