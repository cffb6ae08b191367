"""Actions `upsert_marker` and `delete_marker`: a marker as the newest event asks for it, or none.

Both have the same target. VideoVector deletes by id: the one that an upsert returned, or else one
that `GET /markers` shows.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from videovector_bridge.api import Marker
from videovector_bridge.automate.action import Action, Cause, Field, TargetState, Values
from videovector_bridge.automate.context import Context
from videovector_bridge.automate.effects.task import Applied, Task
from videovector_bridge.errors import PermanentError

TARGET_KIND: Final = "marker"
TARGET_KEYS: Final = ("target_type", "target_id", "field_path")
TARGET_FIELDS: Final = {
    "target_type": Field("text", "what is marked", choices=("prompt", "run", "field")),
    "target_id": Field("text", "its id"),
    "field_path": Field("text", "the extracted field, for target_type field"),
}
# A deletion may wait for its turn, and read many pages of markers first.
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
                "It is not known which marker to delete: the keys to match are empty for this "
                "event.",
                owner="user",
                code="no_target",
            )
        absent = {"match": match}
    if fields.get("any"):
        absent["any"] = True
    return marker_state(fields.get("target") or "", fields, {"absent": absent})


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
    _delete(context, task, desired["absent"])
    return Applied()


def _delete(context: Context, task: Task, absent: Mapping[str, Any]) -> None:
    """Delete what this bridge set on the target; with `any`, whatever is there."""
    named, all_of_them = absent.get("marker_id") or "", bool(absent.get("any"))
    if not task.created and not all_of_them:
        return
    if named and task.marker_id != named and not all_of_them:
        ours = f"set {task.marker_id}" if task.marker_id else "does not know the id of what it set"
        raise PermanentError(
            f"Marker {named} may be another's: this bridge {ours} there. To delete it "
            f"nevertheless, write `any = true`.",
            owner="user",
            code="marker_not_ours",
        )
    known = named or task.marker_id
    if known and (context.api.delete_marker(known) or named or not all_of_them):
        return
    # The id is not known, or its marker was replaced by hand.
    with context.list_lock.acquired():
        ids = _matching(context.api.list_markers(), absent["match"])
    if len(ids) > 1 and not all_of_them:
        raise PermanentError(
            f"{len(ids)} markers fit `match`, and at most one was set by this bridge. Give `match` "
            f"more keys, or write `any = true` to delete them all.",
            owner="user",
            code="marker_not_told",
        )
    for marker_id in ids:
        context.api.delete_marker(marker_id)


def _matching(markers: Iterable[Marker], match: Mapping[str, Any]) -> list[str]:
    """The ids of the markers that show every key of `match` with its value.

    A null there must be shown as null or not at all. Raises `PermanentError` where no marker
    matches, and one may that does not show enough.
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
            f"VideoVector's list has markers that do not show {', '.join(keys)} or their "
            f"marker_id, so it is not known which one to delete. Give `match` with keys that it "
            f"shows, or `marker_id`.",
            owner="user",
            code="marker_not_told",
        )
    return ids


UPSERT: Final = Action(
    name="upsert_marker",
    entry_point="upsert_markers",
    fields={
        **TARGET_FIELDS,
        "color": Field("text", "colour of the marker"),
        "note": Field("text", "text of the marker"),
        "body": Field(
            "object",
            "the whole body of PUT /markers, instead of the above",
            instead_of=frozenset(_BODY_KEYS),
        ),
        "target": Field("text", "name of the target, where the keys of a body do not say it"),
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
        "marker_id": Field("text", "the marker's id, where the event has it"),
        "match": Field(
            "object",
            "what GET /markers shows of the marker, where its keys are not the above",
            instead_of=frozenset({*TARGET_KEYS, "marker_id"}),
        ),
        "target": Field("text", "name of the target, as upsert_marker has it"),
        "any": Field("flag", "delete the marker also if this bridge did not set it"),
    },
    one_of=(("target_type", "target_id"), ("marker_id", "target"), ("match", "target")),
    target_kind=TARGET_KIND,
    target_state=_state_to_delete,
    apply=apply_marker,
    lasts_seconds=LASTS_SECONDS,
)
