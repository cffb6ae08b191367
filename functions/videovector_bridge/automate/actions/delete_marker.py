"""Action `delete_marker`: no marker on a target, until a newer event asks for one.

VideoVector deletes by id: the one that an upsert returned, or else one that `GET /markers` shows.
"""

from typing import Any, Final

from videovector_bridge.automate.action import Action, Cause, Field, TargetState, Values
from videovector_bridge.automate.actions.markers import (
    LASTS_SECONDS,
    TARGET_FIELDS,
    TARGET_KEYS,
    TARGET_KIND,
    apply_marker,
    marker_state,
)
from videovector_bridge.errors import PermanentError


def _target_state(fields: Values, _cause: Cause) -> TargetState:
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


ACTION: Final = Action(
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
    target_state=_target_state,
    apply=apply_marker,
    lasts_seconds=LASTS_SECONDS,
)
