"""Build the JSON Schema of the automations file, for editors, from the table of actions. Pure.

The schema does not check CEL. `automations check` refuses every file that the schema refuses, and
more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from videovector_bridge.automate.action import Action, Field, Kind
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.glob_problems import GLOB_PATTERN
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


def build_schema() -> dict[str, Any]:
    """Build the schema, as JSON values."""
    return {
        "$schema": _DRAFT,
        "title": "Automations of the VideoVector bridge",
        "description": "Rules for the effects of events.",
        "type": "object",
        "properties": {
            "automation": {
                "description": "The automations. If several have the same target, the first wins.",
                "type": "array",
                "items": _build_automation(),
            }
        },
        "additionalProperties": False,
    }


def render_schema() -> str:
    """Return the text of the schema file beside the automations file."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(build_schema(), option=options).decode()


def _build_automation() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "name": {
                "description": "The name of the automation in logs and messages.",
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
                "description": "Only events of this channel (bridge: events that the bridge itself "
                "publishes; reconciled: events in the place of those of VideoVector that never "
                "came). Default: all but bridge.",
                "enum": [*CHANNELS, ""],
            },
            "when": {
                "description": "A condition: a CEL expression over `event`.",
                "type": "string",
                "pattern": _NO_BLANK_TEXT,
            },
            **{action.name: _build_action(action) for action in ACTIONS.values()},
        },
        "required": ["name", "on"],
        "oneOf": [{"required": [name]} for name in ACTIONS],
        "additionalProperties": False,
    }


def _build_action(action: Action) -> dict[str, Any]:
    # A field that a target or a request requires must not be empty.
    needed = {key for keys in action.one_of for key in keys}
    schema = _build_table(
        {
            name: replace(field, required=True) if name in needed else field
            for name, field in action.fields.items()
        },
        [name for name, field in action.fields.items() if field.required],
    )
    if action.one_of:
        schema["anyOf"] = [_require_all(action, names) for names in action.one_of]
    if excluded := {
        name: {"not": {"anyOf": [{"required": [other]} for other in sorted(field.instead_of)]}}
        for name, field in action.fields.items()
        if field.instead_of
    }:
        schema["dependencies"] = excluded
    return schema


def _require_all(action: Action, names: Sequence[str]) -> dict[str, Any]:
    """Require these fields, with an effect: a flag that is false has none."""
    flags = [name for name in names if action.fields[name].kind == "flag"]
    schema: dict[str, Any] = {"required": list(names)}
    if flags:
        schema["properties"] = {name: {"const": True} for name in flags}
    return schema


def _build_table(fields: Mapping[str, Field], required: list[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _build_field(field) for name, field in fields.items()},
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    return schema


def _build_field(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "description": f"{field.meaning[0].upper()}{field.meaning[1:]}.",
        "type": _TYPES[field.kind],
    }
    if field.kind == "text" and field.required:
        schema["pattern"] = _NO_BLANK_TEXT
    if field.kind == "object" and field.required:
        schema["minProperties"] = 1
    if field.kind == "object" and field.keys:
        schema |= _build_table(
            field.keys, [name for name, inner in field.keys.items() if inner.required]
        )
    if field.kind == "whole":
        # A value that is text must be one expression.
        schema |= {"minimum": field.least, "maximum": field.most, "pattern": "^\\{[\\s\\S]*\\}$"}
    if field.kind == "list":
        schema |= {"minItems": field.least, "maxItems": field.most}
        if field.items is not None:
            schema["items"] = _build_field(field.items)
    if field.choices:
        # A text with an expression has any value.
        schema["anyOf"] = [{"enum": list(field.choices)}, {"pattern": "\\{"}]
    return schema
