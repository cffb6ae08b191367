"""The command `videovector-bridge rewind`."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from videovector_bridge.automate.plan import Automation
from videovector_bridge.backends.ports import Document
from videovector_bridge.cli import options
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.errors import FAILED
from videovector_bridge.cli.input_files import FILE_HELP, read_chosen_file
from videovector_bridge.cli.operate.audit import begin_record, end_record
from videovector_bridge.cli.operate.pausable import SECONDS, find_stream
from videovector_bridge.cli.operate.rewind_output import (
    position_as_json,
    print_preview,
    print_undo,
)
from videovector_bridge.cli.operate.rewind_preview import Preview, build_preview, check_direction
from videovector_bridge.cli.operate.rewind_target import RewindTarget, parse_target
from videovector_bridge.cli.operate.stream_reading import StreamReading
from videovector_bridge.cli.output import print_json, print_message
from videovector_bridge.cli.target import Local, Prefix, Project, Target, open_target
from videovector_bridge.environment import Environment
from videovector_bridge.errors import SettingsError
from videovector_bridge.ingest.rewind import (
    RewindRefused,
    check_state,
    read_record,
    rewind,
    undo,
)
from videovector_bridge.ingest.stream_document import COLLECTION, Origin
from videovector_bridge.settings.filters import StreamFilters, read_filters

EPILOG: Final = (
    "Example: videovector-bridge rewind default --to 2h --project my-project. Exit status: 0 "
    "done; 1 refused or failed, or you did not confirm; 2 wrong usage or settings, nothing was "
    "done."
)
_IDLE_SECONDS: Final = 5.0
_DIRECTION_SECONDS: Final = 30.0
_MOVED: Final = (
    "The stream has published events since the rewind. Events between its cursor and the old "
    "position are skipped now; or, if it has passed the old position, published again."
)


@dataclass(frozen=True, slots=True)
class _Paused:
    """The stream to rewind, with its document as it was read."""

    target: Target
    name: str
    document: Document
    filters: StreamFilters


def rewind_command(
    ctx: typer.Context,
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="The paused stream.")],
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="EVENT_ID|earliest|TIME",
            help="Continue after this event; at the earliest event; or at the first event from a "
            "time on (ISO 8601 with its zone, or 30m, 2h, 1d ago). id:EVENT_ID for an id that "
            "looks like a time.",
        ),
    ] = "",
    undo_last: Annotated[
        bool, typer.Option("--undo", help="Set the position back from before the last rewind.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    automations: Annotated[str, typer.Option("--automations", metavar="FILE", help=FILE_HELP)] = "",
    preview_events: Annotated[
        int, typer.Option("--preview-events", min=1, help="Events in the preview, at most.")
    ] = 10_000,
    preview_seconds: Annotated[
        float, typer.Option("--preview-seconds", min=1, help="Seconds to read it, at most.")
    ] = 60.0,
    project: Project = "",
    prefix: Prefix = "",
    local: Local = False,
    as_json: options.Json = False,
) -> None:
    """Publish events of a paused stream again: move its cursor back.

    First shows what would be published again, and which automations would act on it. Then asks, and
    changes exactly the document that the preview is about. Only while the stream is paused and no
    window drains it. The next window after `resume` publishes from the new position on.
    """
    environ = ctx.ensure_object(CommandContext).environ
    problems, parsed = _check_options(to, undo_last=undo_last)
    try:
        target = open_target(environ, project=project, prefix=prefix, local=local)
        name = find_stream(stream, [each.name for each in target.deployment.streams])
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    if problems:
        raise SettingsError(problems)
    read = target.backend.documents.read(COLLECTION, name, timeout=SECONDS)
    paused = _Paused(target, name, check_state(name, read), _read_filters(target, name))
    if parsed is None:
        _undo(paused, yes=yes, as_json=as_json)
        return
    plan = read_chosen_file(automations, environ)
    preview, warning = asyncio.run(
        _preview(paused, parsed, plan, most_events=preview_events, seconds=preview_seconds)
    )
    _rewind(paused, preview, warning, to=to, yes=yes, as_json=as_json)


def _check_options(to: str, *, undo_last: bool) -> tuple[list[str], RewindTarget | None]:
    if bool(to) == undo_last:
        return ["name one of --to and --undo"], None
    if undo_last:
        return [], None
    try:
        return [], parse_target(to, datetime.now(UTC))
    except SettingsError as error:
        return list(error.problems), None


def _read_filters(target: Target, name: str) -> StreamFilters:
    (stream,) = (each for each in target.deployment.streams if each.name == name)
    env = Environment(target.environ)
    present = {key: value for key, value in stream.filters.items() if value}
    filters = read_filters(env, f"stream {name!r}", present)
    env.finish()
    return filters


async def _preview(
    paused: _Paused,
    target: RewindTarget,
    automations: Sequence[Automation],
    *,
    most_events: int,
    seconds: float,
) -> tuple[Preview, str]:
    """Return the preview, and a warning about its position or ""."""
    present = paused.document.fields.get("cursor") or None
    api, filters = paused.target.api, paused.filters
    print_message("Reading VideoVector's stream for the preview; nothing is published ...")
    async with StreamReading(api, filters, seconds=seconds, idle_seconds=_IDLE_SECONDS) as reading:
        preview = await build_preview(
            reading, target, present=present, automations=automations, most_events=most_events
        )
    if present is None:
        return preview, ""
    async with StreamReading(
        api, filters, seconds=_DIRECTION_SECONDS, idle_seconds=_IDLE_SECONDS
    ) as reading:
        return preview, await check_direction(reading, present=present, preview=preview)


def _rewind(
    paused: _Paused, preview: Preview, warning: str, *, to: str, yes: bool, as_json: bool
) -> None:
    start_from = "earliest" if preview.cursor is None else None
    before = position_as_json(paused.document.fields)
    after = position_as_json({"cursor": preview.cursor, "start_from": start_from})
    if not as_json:
        print_preview(paused.name, before, after, preview)
    origin = Origin(paused.target.api.host, paused.filters.identity(), "earliest")
    facts = {"to": to, "before": before, "after": after, "preview": preview.as_json()}
    _change(
        paused,
        "rewind",
        facts | {"warning": warning},
        lambda id_: rewind(
            paused.target.backend.documents,
            paused.name,
            paused.document,
            cursor=preview.cursor,
            origin=origin,
            id_=id_,
            timeout=SECONDS,
        ),
        yes=yes,
        as_json=as_json,
    )
    print_message(
        f"Stream {paused.name!r} is rewound and still paused. `videovector-bridge resume "
        f"{paused.name}` lets it publish; `videovector-bridge rewind {paused.name} --undo` sets "
        f"the old position back."
    )


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _undo(paused: _Paused, *, yes: bool, as_json: bool) -> None:
    last = read_record(paused.document.fields)
    if last is None:
        raise RewindRefused(f"Stream {paused.name!r} has no rewind to undo.")
    before, after = position_as_json(paused.document.fields), position_as_json(last.before)
    if not as_json:
        print_undo(paused.name, before, after)
    warning = _MOVED if last.moved_since(paused.document.fields) else ""
    _change(
        paused,
        "rewind-undo",
        {"undoes": last.id, "before": before, "after": after, "warning": warning},
        lambda id_: undo(
            paused.target.backend.documents,
            paused.name,
            paused.document,
            id_=id_,
            timeout=SECONDS,
        ),
        yes=yes,
        as_json=as_json,
    )
    print_message(f"Stream {paused.name!r} is at its old position, and still paused.")


def _change(
    paused: _Paused,
    action: str,
    facts: Mapping[str, Any],
    act: Callable[[str], None],
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Ask, unless `yes`; then `act` with the id of its record in `audit`.

    Raises `SettingsError` if it cannot ask, and `typer.Exit` after a no.
    """
    result = {"stream": paused.name, **facts}
    if facts["warning"]:
        print_message(f"Careful: {facts['warning']}")
    if not yes:
        if as_json:
            print_json(result | {"changed": False})
        if as_json or not _is_terminal():
            raise SettingsError(["nothing was changed, because it cannot ask you: add --yes"])
        if not typer.confirm("Change the position of the stream?", err=True):
            print_message("Nothing was changed.")
            raise typer.Exit(FAILED)
    documents = paused.target.backend.documents
    record = begin_record(documents, action, paused.name, facts)
    try:
        act(record.id)
    except RewindRefused as refusal:
        end_record(documents, record, {"refused": str(refusal)})
        raise
    end_record(documents, record, {"changed": True})
    if as_json:
        print_json(result | {"changed": True, "audit": record.id})
