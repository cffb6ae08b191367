"""Action `upsert_marker`: a marker at VideoVector, as the newest event wants it."""

from typing import Final

from videovector_bridge.automate.action import Action, Cause, Field, Values, Wanted
from videovector_bridge.automate.markers import (
    LASTS_SECONDS,
    TARGET_FIELDS,
    TARGET_KEYS,
    marker_wanted,
    write_marker,
)

_KEYS: Final = (*TARGET_KEYS, "color", "note")


def _wanted(fields: Values, _cause: Cause) -> Wanted:
    body = fields.get("body")
    if body is None:
        body = {key: fields[key] for key in _KEYS if fields.get(key) is not None}
    return marker_wanted(fields.get("target") or "", body, {"marker": dict(body)})


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
        "target": Field("text", "what a body marks, when its keys do not tell"),
    },
    one_of=(("target_type", "target_id"), ("body",)),
    wanted=_wanted,
    apply=write_marker,
    lasts_seconds=LASTS_SECONDS,
)
