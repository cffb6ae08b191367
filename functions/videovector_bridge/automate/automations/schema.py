"""The JSON Schema of the automations file, for editors, from the table that the code reads. Pure.

It knows no CEL: what it refuses, `automations check` refuses, but not the other way round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from videovector_bridge.automate.action import Action, Field, Kind
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.patterns import GLOB_PATTERN
from videovector_bridge.automate.automations.reader import CHANNELS, NAME_PATTERN

# The draft that editors of TOML read: https://json-schema.org/draft-07
_DRAFT: Final = "http://json-schema.org/draft-07/schema#"
_TYPES: Final[dict[Kind, str | list[str]]] = {
    "text": "string",
    "flag": "boolean",
    "whole": ["integer", "string"],
    "object": "object",
    "list": "array",
    "any": ["boolean", "integer", "number", "string", "object", "array"],
}
_NO_BLANK_TEXT: Final = "\\S"


def automations_schema() -> dict[str, Any]:
    """The schema, as JSON has it."""
    return {
        "$schema": _DRAFT,
        "title": "Automations of the VideoVector bridge",
        "description": "What to do on which event.",
        "type": "object",
        "properties": {
            "automation": {
                "description": "The automations: of several for one target, the first wins.",
                "type": "array",
                "items": _automation(),
            }
        },
        "additionalProperties": False,
    }


def schema_text() -> str:
    """The schema as it is kept beside the automations file."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(automations_schema(), option=options).decode()


def _automation() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "name": {
                "description": "Names it in logs and messages.",
                "type": "string",
                "pattern": f"^{NAME_PATTERN}$",
            },
            "on": {
                "description": "Event types; * and ? are wildcards.",
                "type": "array",
                "items": {"type": "string", "pattern": GLOB_PATTERN},
                "minItems": 1,
            },
            "channel": {
                "description": "Only events that came this way (bridge: what the bridge itself "
                "publishes); stream and webhook if it is not given.",
                "enum": [*CHANNELS, ""],
            },
            "when": {
                "description": "A condition: CEL over `event`.",
                "type": "string",
                "pattern": _NO_BLANK_TEXT,
            },
            **{action.name: _action(action) for action in ACTIONS.values()},
        },
        "required": ["name", "on"],
        "oneOf": [{"required": [name]} for name in ACTIONS],
        "additionalProperties": False,
    }


def _action(action: Action) -> dict[str, Any]:
    # What a target or a request cannot be without is not empty.
    needed = {key for keys in action.one_of for key in keys}
    schema = _table(
        {
            name: replace(field, required=True) if name in needed else field
            for name, field in action.fields.items()
        },
        [name for name, field in action.fields.items() if field.required],
    )
    if action.one_of:
        schema["anyOf"] = [_given(action, names) for names in action.one_of]
    if excluded := {
        name: {"not": {"anyOf": [{"required": [other]} for other in sorted(field.instead_of)]}}
        for name, field in action.fields.items()
        if field.instead_of
    }:
        schema["dependencies"] = excluded
    return schema


def _given(action: Action, names: Sequence[str]) -> dict[str, Any]:
    """That these fields are there, and ask for something: a flag that is false does not."""
    flags = [name for name in names if action.fields[name].kind == "flag"]
    schema: dict[str, Any] = {"required": list(names)}
    if flags:
        schema["properties"] = {name: {"const": True} for name in flags}
    return schema


def _table(fields: Mapping[str, Field], required: list[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _field(field) for name, field in fields.items()},
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    return schema


def _field(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "description": f"{field.meaning[0].upper()}{field.meaning[1:]}.",
        "type": _TYPES[field.kind],
    }
    if field.kind == "text" and field.required:
        schema["pattern"] = _NO_BLANK_TEXT
    if field.kind == "object" and field.required:
        schema["minProperties"] = 1
    if field.kind == "object" and field.keys:
        schema |= _table(field.keys, [name for name, each in field.keys.items() if each.required])
    if field.kind == "whole":
        # A text there is one expression.
        schema |= {"minimum": field.least, "maximum": field.most, "pattern": "^\\{[\\s\\S]*\\}$"}
    if field.kind == "list":
        schema |= {"minItems": field.least, "maxItems": field.most}
        if field.items is not None:
            schema["items"] = _field(field.items)
    if field.choices:
        # A text with an expression in it may come out as any of them.
        schema["anyOf"] = [{"enum": list(field.choices)}, {"pattern": "\\{"}]
    return schema
