"""The options of the commands on letters, and the selection that they make."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from videovector_bridge.cli.operate.letters.letter import Kind
from videovector_bridge.cli.operate.letters.select import Selection
from videovector_bridge.cli.options import parse_duration

Codes = Annotated[
    list[str] | None,
    typer.Option("--code", metavar="CODE", help="Rejected with this reason code. Repeatable."),
]
Automations = Annotated[
    list[str] | None,
    typer.Option("--automation", metavar="NAME", help="Rejected for this automation. Repeatable."),
]
Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", metavar="user|vendor|system", help="Who can correct it. Repeatable."),
]
Functions = Annotated[
    list[str] | None,
    typer.Option(
        "--function",
        metavar="FUNCTION",
        help="Rejected, or not acknowledged, by this function (or its action). Repeatable.",
    ),
]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type", metavar="GLOB", help="Event type, such as 'processing.run_*'. Repeatable."
    ),
]
Ids = Annotated[
    list[str] | None,
    typer.Option("--id", metavar="ID", help="ce-id of an event, or id of a message. Repeatable."),
]
OlderThan = Annotated[
    float | None,
    typer.Option(
        "--older-than", parser=parse_duration, metavar="DURATION", help="At least so old."
    ),
]
NewerThan = Annotated[
    float | None,
    typer.Option("--newer-than", parser=parse_duration, metavar="DURATION", help="At most so old."),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Stop reading when so many messages are selected."),
]
Every = Annotated[bool, typer.Option("--all", help="All messages: required without any selection.")]
Wait = Annotated[
    float,
    typer.Option(
        "--wait",
        parser=parse_duration,
        metavar="DURATION",
        help="The subscription counts as empty when nothing new arrives for so long. Pub/Sub may "
        "deliver nothing although there are messages: raise it if a count looks too low.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the result without changing anything.")
]
Each = Annotated[bool, typer.Option("--each", help="One line a message, instead of a group.")]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="FUNCTION",
        help="Only this function (or action) acts. Without it, every subscription of `events` "
        "gets the events, and what is done is not repeated.",
    ),
]
Rate = Annotated[int, typer.Option("--rate", min=1, max=10_000, help="Events a second.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before dropping.")]
Save = Annotated[
    Path | None,
    typer.Option(
        "--save",
        metavar="FILE",
        help="First write the messages to this new file, a JSON line each (mode 0600). They may "
        "contain secrets. `redrive --from FILE` publishes them.",
    ),
]
From = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="FILE", help="Messages of a file of `drop --save`, not the subscription."
    ),
]

_REASONS = ("user", "vendor", "system")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The selection of the options, with what is wrong in it."""

    selection: Selection
    problems: tuple[str, ...]

    def requiring_all(self, *, every: bool) -> "Chosen":
        """Add a problem unless there is either a selection or `--all`."""
        if every == self.selection.is_empty:
            return self
        problem = (
            "--all and a selection: name one of them"
            if every
            else "no selection: name what to select (--code, --id, ...), or --all"
        )
        return replace(self, problems=(*self.problems, problem))


def choose(
    kind: Kind,
    *,
    codes: Sequence[str] | None = None,
    reasons: Sequence[str] | None = None,
    automations: Sequence[str] | None = None,
    functions: Sequence[str] | None = None,
    types: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    older_than: float | None = None,
    newer_than: float | None = None,
) -> Chosen:
    """Return the selection of the options of a group of commands."""
    problems = [
        f"--reason {reason}: it is one of {', '.join(_REASONS)}"
        for reason in reasons or ()
        if reason not in _REASONS
    ]
    if kind == "dead-letters":
        used = {"--code": codes, "--reason": reasons, "--automation": automations}
        problems += [
            f"{name}: dead letters have none; select by --function, --type, --id or age"
            for name, values in used.items()
            if values
        ]
    selection = Selection(
        codes=tuple(codes or ()),
        reasons=tuple(reasons or ()),
        automations=tuple(automations or ()),
        functions=tuple(functions or ()),
        types=tuple(types or ()),
        ids=tuple(ids or ()),
        older_than=older_than,
        newer_than=newer_than,
    )
    return Chosen(selection=selection, problems=tuple(problems))
