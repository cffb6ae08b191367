"""Print the preview of a rewind, and positions."""

from collections.abc import Mapping
from typing import Any

import typer

from videovector_bridge.cli.operate.rewind_preview import Preview
from videovector_bridge.cli.output import print_fields, print_message, print_table
from videovector_bridge.ingest.rewind import read_position

_ENDS = {
    "cursor": "all up to the present cursor",
    "end": "all up to the end of the stream; the present cursor is not among them",
    "events": "at least: the preview ends at --preview-events",
    "time": "at least: the preview ends at --preview-seconds",
}


def position_as_json(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the position in the fields of a stream's document."""
    cursor, start_from = read_position(fields)
    return {"cursor": cursor or None, "start_from": start_from}


def describe_position(position: Mapping[str, Any]) -> str:
    """Describe a position for a person."""
    if position["cursor"] is not None:
        return f"after event {position['cursor']}"
    return f"no cursor; begins at {position['start_from'] or 'START_FROM'}"


def print_preview(
    stream: str, before: Mapping[str, Any], after: Mapping[str, Any], preview: Preview
) -> None:
    """Print what a rewind would do."""
    print_fields(
        [
            ("stream", stream),
            ("position", describe_position(before)),
            ("rewound to", describe_position(after)),
            ("publishes again", f"{preview.events:,} events ({_ENDS[preview.end]})"),
            ("first", preview.first and " ".join(filter(None, preview.first))),
            ("last", preview.last and " ".join(filter(None, preview.last))),
        ]
    )
    rows: list[list[object]] = [[name, count] for name, count in preview.types.most_common()]
    if preview.rejected:
        rows.append(["(no event: to topic rejected)", preview.rejected])
    if rows:
        typer.echo()
        print_table(("type", "events"), rows)
    names = sorted({*preview.effects, *preview.refused_effects})
    if names:
        typer.echo()
        print_table(
            ("automation", "acts on", "rejects"),
            [[name, preview.effects[name], preview.refused_effects[name]] for name in names],
        )
        print_message(
            "Automations do not repeat an effect whose record is kept; other consumers receive the "
            "events again, with the same ce-id."
        )
    elif preview.events:
        print_message("No automation acts on these events; consumers receive them again.")


def print_undo(stream: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Print what the undoing of a rewind would do."""
    print_fields(
        [
            ("stream", stream),
            ("position", describe_position(before)),
            ("set back to", describe_position(after)),
        ]
    )
