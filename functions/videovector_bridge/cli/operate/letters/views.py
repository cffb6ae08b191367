"""Print letters, groups of letters, and the result of a change."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
import typer

from videovector_bridge.backends.ports import Message
from videovector_bridge.cli.operate.letters.advice import advise
from videovector_bridge.cli.operate.letters.letter import Kind, Letter
from videovector_bridge.cli.operate.letters.plan import REASONS
from videovector_bridge.cli.operate.letters.reader import Reading
from videovector_bridge.cli.operate.letters.redriver import Result
from videovector_bridge.cli.operate.letters.summary import (
    COLUMNS,
    format_time,
    summarize,
    values_of,
)
from videovector_bridge.cli.output import print_fields, print_json, print_message, print_table
from videovector_bridge.redact import redact

MAX_SHOWN_BYTES: Final = 65_536
"""More data of one message is not shown."""

_NAMED: Final = 20


def show_groups(kind: Kind, reading: Reading, subscription: str, *, as_json: bool) -> None:
    """Print the groups of letters."""
    groups = summarize(kind, reading.letters)
    if as_json:
        rows = [
            {
                **dict(zip(COLUMNS[kind], each.values, strict=True)),
                "messages": each.messages,
                "events": each.events,
                "oldest": each.oldest.isoformat(),
                "newest": each.newest.isoformat(),
                "example": each.example,
            }
            for each in groups
        ]
        print_json({**_counts(reading, subscription), "groups": rows})
        return
    print_table(
        (*COLUMNS[kind], "messages", "events", "oldest", "newest", "example"),
        [
            (
                *each.values,
                each.messages,
                each.events,
                format_time(each.oldest),
                format_time(each.newest),
                each.example,
            )
            for each in groups
        ],
    )
    print_message(f"{len(reading.letters):,} of {reading.read:,} messages of {subscription}.")
    if groups:
        print_message(f"`{kind} show {groups[0].example}` shows one, and what to do.")


def show_each(kind: Kind, reading: Reading, subscription: str, *, as_json: bool) -> None:
    """Print a line for each letter."""
    if as_json:
        messages = [as_fields(kind, each) for each in reading.letters]
        print_json({**_counts(reading, subscription), "messages": messages})
        return
    print_table(
        ("published", "event", *COLUMNS[kind], "bytes", "part", "message"),
        [
            (
                format_time(each.published_at),
                each.event_id,
                *values_of(kind, each),
                each.size,
                _part(each),
                each.message_id,
            )
            for each in reading.letters
        ],
    )
    print_message(f"{len(reading.letters):,} of {reading.read:,} messages of {subscription}.")


def as_fields(kind: Kind, letter: Letter) -> dict[str, Any]:
    """Return a letter as JSON."""
    return {
        "message_id": letter.message_id,
        "published_at": letter.published_at.isoformat(),
        "event_id": letter.event_id,
        "source": letter.source,
        **dict(zip(COLUMNS[kind], values_of(kind, letter), strict=True)),
        "bytes": letter.size,
        "part": letter.part,
        "parts": letter.parts,
    }


def letter_as_json(kind: Kind, letter: Letter, message: Message) -> dict[str, Any]:
    """Return a letter with its attributes, data and what to do."""
    return {
        **as_fields(kind, letter),
        "advice": advise(letter),
        "ordering_key": message.ordering_key,
        "attributes": dict(message.attributes),
        "data": _decode(message.data),
    }


def show_letter(kind: Kind, letter: Letter, message: Message) -> None:
    """Print a letter with its attributes, data and what to do."""
    print_fields(
        [
            ("message", letter.message_id),
            ("published", format_time(letter.published_at)),
            ("event", letter.event_id or None),
            *(
                (name, value or None)
                for name, value in zip(COLUMNS[kind], values_of(kind, letter), strict=True)
            ),
            ("part", _part(letter) or None),
            ("detail", message.attributes.get("detail")),
            ("what to do", advise(letter)),
        ]
    )
    typer.echo("\nAttributes")
    print_fields([(f"  {name}", value) for name, value in sorted(message.attributes.items())])
    typer.echo(f"\nData ({len(message.data):,} bytes)")
    data = _decode(message.data)
    if not isinstance(data, str):
        data = orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()
    typer.echo(redact(data) + "\n")


def show_result(kind: Kind, result: Result, details: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the numbers of a change, and what it left."""
    left = [(each.reason, each.detail, letter) for each in result.left for letter in each.letters]
    if as_json:
        messages = [
            {**as_fields(kind, letter), "left": reason, "detail": detail}
            for reason, detail, letter in left
        ]
        print_json({**details, **result.as_json(), "left_messages": messages})
    else:
        numbers = result.as_json()
        names = ("selected", "published", "acknowledged", "left")
        print_fields([(name, f"{numbers[name]:,}") for name in names])
        if left:
            typer.echo("")
            print_table(
                ("left because", "event", "message"),
                [
                    (reason, letter.event_id, letter.message_id)
                    for reason, _, letter in left[:_NAMED]
                ],
            )
    for reason, count in result.left_by_reason.items():
        detail = next((each.detail for each in result.left if each.reason == reason), "")
        print_message(
            f"{count:,} left, {reason}: {REASONS[reason]}." + (f" {detail}" if detail else "")
        )
    if result.error:
        print_message(f"Ended early: {result.error}")


def _counts(reading: Reading, subscription: str) -> dict[str, Any]:
    return {
        "subscription": subscription,
        "read": reading.read,
        "selected": len(reading.letters),
        "is_complete": not reading.is_full,
    }


def _part(letter: Letter) -> str:
    return f"{letter.part}/{letter.parts or '?'}" if letter.group else ""


def _decode(data: bytes) -> Any:
    """Return data as JSON, else as text; only the beginning of long data."""
    if len(data) > MAX_SHOWN_BYTES:
        return data[:MAX_SHOWN_BYTES].decode(errors="replace") + "… (cut)"
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.decode(errors="replace")


def names_of(letters: Sequence[Letter]) -> list[str]:
    """Return the ids of the first letters, for a record."""
    return [each.event_id or each.message_id for each in letters[:_NAMED]]
