"""Action `delete_marker`: no marker on a target, until a newer event wants one.

VideoVector deletes by id, so the marker is found by its target in `GET /markers`.
"""

from typing import Any, Final

from videovector_bridge.automate.action import Action, Cause, Field, Values, Wanted
from videovector_bridge.automate.markers import (
    LASTS_SECONDS,
    TARGET_FIELDS,
    TARGET_KEYS,
    marker_wanted,
    write_marker,
)
from videovector_bridge.errors import PermanentError


def _wanted(fields: Values, _cause: Cause) -> Wanted:
    absent: dict[str, Any]
    if marker_id := fields.get("marker_id"):
        absent = {"marker_id": str(marker_id)}
    else:
        match = fields.get("match") or {key: fields.get(key) for key in TARGET_KEYS}
        if all(value is None for value in match.values()):
            raise PermanentError(
                "It is not said which marker: what is to be matched came out empty for this event.",
                owner="user",
                code="no_target",
            )
        absent = {"match": match}
    return marker_wanted(fields.get("target") or "", fields, {"absent": absent})


ACTION: Final = Action(
    name="delete_marker",
    entry_point="delete_markers",
    fields={
        **TARGET_FIELDS,
        "marker_id": Field("text", "the marker's id, where the event tells it"),
        "match": Field(
            "object",
            "what GET /markers shows of the marker, where its keys are not the above",
            instead_of=frozenset({*TARGET_KEYS, "marker_id"}),
        ),
        "target": Field("text", "what it marks, as upsert_marker names it"),
    },
    one_of=(("target_type", "target_id"), ("marker_id", "target"), ("match", "target")),
    wanted=_wanted,
    apply=write_marker,
    lasts_seconds=LASTS_SECONDS,
)
