"""Markers as targets, for the actions that set and delete them: one target, whoever writes it."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from videovector_bridge.api import Marker
from videovector_bridge.automate.action import Field, Wanted
from videovector_bridge.automate.context import Context
from videovector_bridge.errors import PermanentError

TARGET_KEYS: Final = ("target_type", "target_id", "field_path")
TARGET_FIELDS: Final = {
    "target_type": Field("text", "what is marked", choices=("prompt", "run", "field")),
    "target_id": Field("text", "its id"),
    "field_path": Field("text", "the extracted field, for target_type field"),
}
# A deletion may read many pages of markers first.
LASTS_SECONDS: Final = 30.0
# Far above any colour and note; below what a document may hold.
MAX_BODY_BYTES: Final = 100_000


def marker_wanted(named: str, keys: Mapping[str, Any], desired: Mapping[str, Any]) -> Wanted:
    """The target that is `named`, or else that `keys` tell, in the state `desired`.

    Raises `PermanentError` when neither tells, and for a state that no record could hold.
    """
    target = named or _target_of(keys)
    if not target:
        raise PermanentError(
            "The marker has no target: target_type and target_id came out empty for this event "
            "(with keys of your own, give `target`).",
            owner="user",
            code="no_target",
        )
    size = len(orjson.dumps(desired))
    if size > MAX_BODY_BYTES:
        raise PermanentError(
            f"The marker for {str(target)[:100]!r} has {size:,} bytes; at most "
            f"{MAX_BODY_BYTES:,} are sent.",
            owner="user",
            code="marker_too_large",
        )
    return Wanted(f"marker:{target}", desired)


def _target_of(keys: Mapping[str, Any]) -> str:
    kind, target_id, path = (keys.get(key) for key in TARGET_KEYS)
    if kind in (None, "") or target_id in (None, ""):
        return ""
    # Colons in the parts are escaped, so that different targets never share a name.
    parts = (kind, target_id) if path in (None, "") else (kind, target_id, path)
    return ":".join(str(part).replace("%", "%25").replace(":", "%3A") for part in parts)


def write_marker(context: Context, desired: Mapping[str, Any]) -> None:
    """Make a marker what is desired: `{"marker": body}`, or gone: `{"absent": ...}`.

    Either function may find that the other's event is the newest.
    """
    if "marker" in desired:
        context.api.upsert_marker(desired["marker"])
        return
    absent = desired["absent"]
    if absent.get("marker_id"):
        context.api.delete_marker(absent["marker_id"])
        return
    for marker_id in _matching(list(context.api.list_markers()), absent["match"]):
        context.api.delete_marker(marker_id)


def _matching(markers: list[Marker], match: Mapping[str, Any]) -> list[str]:
    """The ids of the markers that show everything in `match`; a null there may be left out."""
    given = [key for key, value in match.items() if value is not None]
    if markers and not any(key in marker.fields for marker in markers for key in given):
        raise PermanentError(
            f"No marker in VideoVector's list shows {', '.join(given)}, so it cannot be told which "
            f"one to delete. Give `match` with keys that it shows, or `marker_id`.",
            owner="user",
            code="marker_not_told",
        )
    return [
        marker.marker_id
        for marker in markers
        if marker.marker_id and all(marker.fields.get(key) == value for key, value in match.items())
    ]
