"""Markers as targets, for the actions that set and delete them: one target for both."""

from collections.abc import Mapping
from typing import Any, Final

from videovector_bridge.api import Marker
from videovector_bridge.automate.action import Field, TargetState
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects import Applied, Task
from videovector_bridge.errors import PermanentError

TARGET_KIND: Final = "marker"
TARGET_KEYS: Final = ("target_type", "target_id", "field_path")
TARGET_FIELDS: Final = {
    "target_type": Field("text", "what is marked", choices=("prompt", "run", "field")),
    "target_id": Field("text", "its id"),
    "field_path": Field("text", "the extracted field, for target_type field"),
}
# A deletion may read many pages of markers first.
LASTS_SECONDS: Final = 30.0


def marker_state(target: str, keys: Mapping[str, Any], desired: Mapping[str, Any]) -> TargetState:
    """The state `desired` of the target that has that name, or else of the one that `keys` name.

    Raises `PermanentError` when there is neither.
    """
    target = target or _target_of(keys)
    if not target:
        raise PermanentError(
            "The marker has no target: target_type and target_id are empty for this event "
            "(with keys of your own, give `target`).",
            owner="user",
            code="no_target",
        )
    return TargetState(f"{TARGET_KIND}:{target}", desired)


def _target_of(keys: Mapping[str, Any]) -> str:
    kind, target_id, path = (keys.get(key) for key in TARGET_KEYS)
    if kind in (None, "") or target_id in (None, ""):
        return ""
    # Colons in the parts are escaped, so that different targets never share a name.
    parts = (kind, target_id) if path in (None, "") else (kind, target_id, path)
    return ":".join(str(part).replace("%", "%25").replace(":", "%3A") for part in parts)


def apply_marker(context: Context, task: Task) -> Applied:
    """Set the marker `{"marker": body}`, or delete the one of `{"absent": ...}`.

    Both functions do both: either may find that the other's event is the newest.
    """
    desired = task.desired
    if "marker" in desired:
        marker = context.api.upsert_marker(desired["marker"])
        return Applied(marker_id=marker.marker_id or "")
    for marker_id in _ids_to_delete(context, task, desired["absent"]):
        context.api.delete_marker(marker_id)
    return Applied()


def _ids_to_delete(context: Context, task: Task, absent: Mapping[str, Any]) -> list[str]:
    """The ids of the markers to delete; none where the bridge set none, and only its own count."""
    named = absent.get("marker_id") or ""
    if not absent.get("any"):
        if not task.created:
            return []
        if named and task.marker_id and named != task.marker_id:
            raise PermanentError(
                f"Marker {named} was not set by this bridge, which set {task.marker_id} there. To "
                f"delete it, write `any = true`.",
                owner="user",
                code="marker_not_ours",
            )
    if named := named or task.marker_id:
        return [named]
    return _matching(list(context.api.list_markers()), absent["match"])


def _matching(markers: list[Marker], match: Mapping[str, Any]) -> list[str]:
    """The ids of the markers that show every key of `match` with its value.

    A null there must be shown as null or not at all. Raises `PermanentError` where no marker
    matches, and some show too little to compare.
    """
    given = [key for key, value in match.items() if value is not None]
    comparable = [marker for marker in markers if all(key in marker.fields for key in given)]
    ids = [
        marker.marker_id
        for marker in comparable
        if marker.marker_id and all(marker.fields.get(key) == value for key, value in match.items())
    ]
    if not ids and len(comparable) < len(markers):
        raise PermanentError(
            f"VideoVector's list has markers that do not show {', '.join(given)}, so it is not "
            f"known which one to delete. Give `match` with keys that it shows, or `marker_id`.",
            owner="user",
            code="marker_not_told",
        )
    return ids
