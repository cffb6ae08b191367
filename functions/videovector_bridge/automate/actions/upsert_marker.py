"""Action `upsert_marker`: a marker at VideoVector, as the newest event asks for it."""

from typing import Final

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

_KEYS: Final = (*TARGET_KEYS, "color", "note")


def _target_state(fields: Values, _cause: Cause) -> TargetState:
    body = fields.get("body")
    if body is None:
        body = {key: fields[key] for key in _KEYS if fields.get(key) is not None}
    if not body:
        raise PermanentError(
            "The body of the marker is empty for this event.", owner="user", code="no_target"
        )
    return marker_state(fields.get("target") or "", body, {"marker": dict(body)})


ACTION: Final = Action(
    name="upsert_marker",
    entry_point="upsert_markers",
    fields={
        **TARGET_FIELDS,
        "color": Field("text", "colour of the marker"),
        "note": Field("text", "text of the marker"),
        "body": Field(
            "object",
            "the whole body of PUT /markers, instead of the above",
            instead_of=frozenset(_KEYS),
        ),
        "target": Field("text", "name of the target, where the keys of a body do not say it"),
    },
    one_of=(("target_type", "target_id"), ("body",)),
    target_kind=TARGET_KIND,
    target_state=_target_state,
    apply=apply_marker,
    lasts_seconds=LASTS_SECONDS,
)
