"""Which actions an automation may name, and their fields. The one table to extend."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["text", "flag", "object"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action.

    `text` may hold `{...}` expressions, and so may every string inside an `object`; a `flag` is
    true or false. `choices` limits a text that is written out; empty allows any. `instead_of`
    names fields that must not be given beside it.
    """

    kind: Kind
    meaning: str
    required: bool = False
    choices: tuple[str, ...] = ()
    instead_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Action:
    """One action: the table's name in the automations file, and its fields by name.

    Each tuple in `one_of` is a set of fields of which at least one set must be given whole.
    """

    name: str
    fields: dict[str, Field]
    one_of: tuple[tuple[str, ...], ...] = ()


_MARKER_FIELDS: Final = ("target_type", "target_id", "field_path", "color", "note")

ACTIONS: Final = {
    action.name: action
    for action in (
        Action(
            "upsert_marker",
            {
                "target_type": Field("text", "what is marked", choices=("prompt", "run", "field")),
                "target_id": Field("text", "its id"),
                "field_path": Field("text", "the extracted field, for target_type field"),
                "color": Field("text", "colour of the marker"),
                "note": Field("text", "text of the marker"),
                "body": Field(
                    "object",
                    "the whole body of PUT /markers, instead of the above",
                    instead_of=frozenset(_MARKER_FIELDS),
                ),
                "target": Field("text", "what a body marks, when its keys do not tell"),
            },
            one_of=(("target_type", "target_id"), ("body",)),
        ),
        Action(
            "issue_signed_url",
            {
                "gcs_uri": Field("text", "gs:// address of the object", required=True),
                "force_refresh": Field("flag", "ask for a new URL although one is valid"),
            },
        ),
    )
}
