"""Actions `upsert_marker` and `delete_marker`: set or delete the marker of a target.

Both actions have the same targets. VideoVector deletes markers by id: the id that an upsert
returned, or else an id from `GET /markers`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from videovector_bridge.api.models import Marker
from videovector_bridge.automate.action import Action, Cause, Field, TargetState, Values
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects.task import ApplyResult, Task
from videovector_bridge.errors import PermanentError

TARGET_KIND: Final = "marker"
TARGET_KEYS: Final = ("target_type", "target_id", "field_path")
TARGET_FIELDS: Final = {
    "target_type": Field(
        "text", "the type of the marked object", choices=("prompt", "run", "field")
    ),
    "target_id": Field("text", "the id of the marked object"),
    "field_path": Field("text", "the extracted field, for target_type field"),
}
# A deletion may wait for the lock of lists, and then read many pages of markers.
LASTS_SECONDS: Final = 40.0
_BODY_KEYS: Final = (*TARGET_KEYS, "color", "note")


def _state_to_set(fields: Values, _cause: Cause) -> TargetState:
    body = fields.get("body")
    if body is None:
        body = {key: fields[key] for key in _BODY_KEYS if fields.get(key) is not None}
    if not body:
        raise PermanentError(
            "The body of the marker is empty for this event.", owner="user", code="no_target"
        )
    return marker_state(fields.get("target") or "", body, {"marker": dict(body)})


def _state_to_delete(fields: Values, _cause: Cause) -> TargetState:
    absent: dict[str, Any]
    if marker_id := fields.get("marker_id"):
        absent = {"marker_id": str(marker_id)}
    else:
        match = fields.get("match") or {key: fields.get(key) for key in TARGET_KEYS}
        if all(value in (None, "") for value in match.values()):
            raise PermanentError(
                "The marker to delete is unknown: the keys to match are empty for this event.",
                owner="user",
                code="no_target",
            )
        absent = {"match": match}
    if fields.get("any"):
        absent["any"] = True
    return marker_state(fields.get("target") or "", fields, {"absent": absent})


def marker_state(target: str, keys: Mapping[str, Any], desired: Mapping[str, Any]) -> TargetState:
    """Return the state `desired` of the named target, or else of the target that `keys` name.

    Raises `PermanentError` if there is neither.
    """
    target = target or _name_target(keys)
    if not target:
        raise PermanentError(
            "The marker has no target: target_type and target_id are empty for this event. If "
            "you use other keys, set `target`.",
            owner="user",
            code="no_target",
        )
    return TargetState(f"{TARGET_KIND}:{target}", desired)


def _name_target(keys: Mapping[str, Any]) -> str:
    kind, target_id, path = (keys.get(key) for key in TARGET_KEYS)
    if kind in (None, "") or target_id in (None, ""):
        return ""
    # Escape colons in the parts, so that different targets have different names.
    parts = (kind, target_id) if path in (None, "") else (kind, target_id, path)
    return ":".join(str(part).replace("%", "%25").replace(":", "%3A") for part in parts)


def apply_marker(context: Context, task: Task) -> ApplyResult:
    """Set the marker of `{"marker": body}`, or delete the marker of `{"absent": ...}`.

    Each action can do both, because the newest event may be one of the other action.
    """
    desired = task.desired
    if "marker" in desired:
        marker = context.api.upsert_marker(desired["marker"])
        return ApplyResult(marker_id=marker.marker_id or "")
    _delete(context, task, desired["absent"])
    return ApplyResult()


def _delete(context: Context, task: Task, absent: Mapping[str, Any]) -> None:
    """Delete the marker that this bridge set on the target; with `any`, every marker on it."""
    stated_id, delete_all = absent.get("marker_id") or "", bool(absent.get("any"))
    if not task.created and not delete_all:
        return
    if stated_id and task.marker_id != stated_id and not delete_all:
        reason = (
            f"it set {task.marker_id}"
            if task.marker_id
            else "it does not know the id of the marker that it set"
        )
        raise PermanentError(
            f"This bridge may not have set marker {stated_id}: on this target {reason}. To delete "
            f"it all the same, write `any = true`.",
            owner="user",
            code="marker_not_ours",
        )
    known = stated_id or task.marker_id
    if known and (context.api.delete_marker(known) or stated_id or not delete_all):
        return
    # The id is unknown, or another client replaced the marker.
    with context.list_lock.acquired():
        ids = _find_marker_ids(context.api.list_markers(), absent["match"])
    if len(ids) > 1 and not delete_all:
        raise PermanentError(
            f"{len(ids)} markers match, and this bridge set at most one of them. Add keys to "
            f"`match`, or write `any = true` to delete them all.",
            owner="user",
            code="marker_not_told",
        )
    for marker_id in ids:
        context.api.delete_marker(marker_id)


def _find_marker_ids(markers: Iterable[Marker], match: Mapping[str, Any]) -> list[str]:
    """Find the ids of the markers that have every key of `match` with its value.

    For a null in `match`, the marker's value must be null or missing. Raises `PermanentError` if no
    marker matches, but one with missing keys may.
    """
    keys = [key for key, value in match.items() if value is not None]
    possible = [
        marker
        for marker in markers
        if all(marker.fields.get(key, value) == value for key, value in match.items())
    ]
    ids = [
        marker.marker_id
        for marker in possible
        if marker.marker_id and all(key in marker.fields for key in keys)
    ]
    if possible and not ids:
        raise PermanentError(
            f"VideoVector lists markers without {', '.join(keys)} or marker_id, so the marker to "
            f"delete is unknown. Set `match` with keys that the list has, or `marker_id`.",
            owner="user",
            code="marker_not_told",
        )
    return ids


UPSERT: Final = Action(
    name="upsert_marker",
    entry_point="upsert_markers",
    fields={
        **TARGET_FIELDS,
        "color": Field("text", "the colour of the marker"),
        "note": Field("text", "the text of the marker"),
        "body": Field(
            "object",
            "the whole body of PUT /markers, instead of the fields above",
            instead_of=frozenset(_BODY_KEYS),
        ),
        "target": Field("text", "the name of the target, if the keys of `body` are others"),
    },
    one_of=(("target_type", "target_id"), ("body",)),
    target_kind=TARGET_KIND,
    target_state=_state_to_set,
    apply=apply_marker,
    lasts_seconds=LASTS_SECONDS,
)


DELETE: Final = Action(
    name="delete_marker",
    entry_point="delete_markers",
    fields={
        **TARGET_FIELDS,
        "marker_id": Field("text", "the id of the marker, if the event has it"),
        "match": Field(
            "object",
            "the marker's fields in GET /markers, if they are not the fields above",
            instead_of=frozenset({*TARGET_KEYS, "marker_id"}),
        ),
        "target": Field("text", "the name of the target, as in upsert_marker"),
        "any": Field("flag", "true: delete the marker even if this bridge did not set it"),
    },
    one_of=(("target_type", "target_id"), ("marker_id", "target"), ("match", "target")),
    target_kind=TARGET_KIND,
    target_state=_state_to_delete,
    apply=apply_marker,
    lasts_seconds=LASTS_SECONDS,
)
