"""The commands `redrive` and `drop` of letters."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import typer

from videovector_bridge.backends.ports import Documents
from videovector_bridge.cli import options as shared
from videovector_bridge.cli.errors import FAILED
from videovector_bridge.cli.operate.audit import AuditRecord, begin_record, end_record
from videovector_bridge.cli.operate.letters import options
from videovector_bridge.cli.operate.letters.leases import interruptible
from videovector_bridge.cli.operate.letters.letter import Letter
from videovector_bridge.cli.operate.letters.options import choose
from videovector_bridge.cli.operate.letters.plan import Left, plan_redrive
from videovector_bridge.cli.operate.letters.redriver import INTERRUPTED, Redriver, Result
from videovector_bridge.cli.operate.letters.saved import SavedMessages, save_messages
from videovector_bridge.cli.operate.letters.session import (
    Session,
    find_addressee,
    find_kind,
    open_checked,
    open_session,
)
from videovector_bridge.cli.operate.letters.views import names_of, show_result
from videovector_bridge.cli.output import print_message
from videovector_bridge.cli.target import Local, Prefix, Project
from videovector_bridge.errors import BackendError, BridgeError


def redrive_command(
    ctx: typer.Context,
    *,
    project: Project = "",
    prefix: Prefix = "",
    local: Local = False,
    code: options.Codes = None,
    reason: options.Reasons = None,
    automation: options.Automations = None,
    function: options.Functions = None,
    types: options.Types = None,
    ids: options.Ids = None,
    older_than: options.OlderThan = None,
    newer_than: options.NewerThan = None,
    every: options.Every = False,
    limit: options.Limit = None,
    to: options.To = "",
    rate: options.Rate = 50,
    file: options.From = None,
    dry_run: options.DryRun = False,
    wait: options.Wait = "5s",  # type: ignore[assignment] # the parser's input
    as_json: shared.Json = False,
) -> None:
    """Publish the events of the selected messages to topic `events` again, each event once.

    Correct the cause first. The events are as they were, with the same ce-id, so
    functions do not repeat what is done. A message is acknowledged after its event
    is published; one that cannot be published stays. Needs roles/pubsub.publisher
    on topic `events`, and roles/datastore.user for the record in `audit`.

    Example: videovector-bridge rejected redrive --local --code validation_refused --dry-run
    """
    kind = find_kind(ctx)
    chosen = choose(
        kind,
        codes=code,
        reasons=reason,
        automations=automation,
        functions=function,
        types=types,
        ids=ids,
        older_than=older_than,
        newer_than=newer_than,
    ).requiring_all(every=every)
    target, selection = open_checked(ctx, chosen, project=project, prefix=prefix, local=local)
    action, passes = find_addressee(target.deployment, to) if to else ("", None)
    saved = SavedMessages(file) if file else None
    details = {"selection": selection.as_json(), "to": action, "from": str(file or "")}
    with open_session(kind, target, selection, wait=wait, messages=saved) as session:
        reading = session.read(limit=limit)
        redriver = Redriver(
            kind=kind,
            topics=target.backend.topics,
            blobs=target.backend.blobs,
            topic=target.deployment.topics["events"],
            leases=session.leases,
            spool=session.spool,
            rate=rate,
            lanes=target.deployment.lanes,
            notify=print_message,
            to=action,
            passes=passes or (lambda _attributes: True),
            dry_run=dry_run,
        )
        plan = plan_redrive(reading.letters)
        if dry_run or not plan.copies:
            result = redriver.run(plan)
        else:
            record = _begin(session, "redrive", {**details, "selected": len(reading.letters)})
            with interruptible() as stopped:
                result = replace(redriver, stopped=stopped).run(plan)
            _end(target.backend.documents, record, result)
    show_result(kind, result, {**details, "dry_run": dry_run}, as_json=as_json)
    _explain(result, dry_run=dry_run)
    if result.published and not dry_run:
        print_message(
            "The functions act on the events now. `videovector-bridge rejected list` shows what is "
            "refused again."
        )
    if result.left or result.error or reading.is_full:
        raise typer.Exit(FAILED)


def drop_command(
    ctx: typer.Context,
    *,
    project: Project = "",
    prefix: Prefix = "",
    local: Local = False,
    code: options.Codes = None,
    reason: options.Reasons = None,
    automation: options.Automations = None,
    function: options.Functions = None,
    types: options.Types = None,
    ids: options.Ids = None,
    older_than: options.OlderThan = None,
    newer_than: options.NewerThan = None,
    every: options.Every = False,
    limit: options.Limit = None,
    save: options.Save = None,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    wait: options.Wait = "5s",  # type: ignore[assignment] # the parser's input
    as_json: shared.Json = False,
) -> None:
    """Acknowledge the selected messages without publishing their events: they are gone.

    Without --yes, it shows the number and asks. Needs roles/datastore.user for the
    record in `audit`.

    Example: videovector-bridge rejected drop --local --code bad_json --save dropped.jsonl
    """
    kind = find_kind(ctx)
    chosen = choose(
        kind,
        codes=code,
        reasons=reason,
        automations=automation,
        functions=function,
        types=types,
        ids=ids,
        older_than=older_than,
        newer_than=newer_than,
    ).requiring_all(every=every)
    if as_json and not (yes or dry_run):
        problem = "--json needs --yes: a question would be in the output"
        chosen = replace(chosen, problems=(*chosen.problems, problem))
    if save is not None and save.exists():
        problem = f"--save: {save} exists already"
        chosen = replace(chosen, problems=(*chosen.problems, problem))
    target, selection = open_checked(ctx, chosen, project=project, prefix=prefix, local=local)
    details = {"selection": selection.as_json(), "saved": str(save or "")}
    with open_session(kind, target, selection, wait=wait) as session:
        reading = session.read(limit=limit, with_data=save is not None)
        result = Result(len(reading.letters))
        if dry_run:
            result.acknowledged = result.selected
        elif reading.letters:
            if not yes:
                question = f"Drop {result.selected:,} messages of {session.source.subscription}?"
                typer.confirm(question, abort=True, err=True)
            if save is not None:
                save_messages(save, reading.letters, session.spool)
                print_message(f"Saved to {save}.")
            names = {"selected": result.selected, "first": names_of(reading.letters)}
            record = _begin(session, "drop", {**details, **names})
            _drop(session, reading.letters, result)
            _end(target.backend.documents, record, result)
    show_result(kind, result, {**details, "dry_run": dry_run}, as_json=as_json)
    _explain(result, dry_run=dry_run)
    if result.left or result.error or reading.is_full:
        raise typer.Exit(FAILED)


def _begin(session: Session, action: str, details: Mapping[str, Any]) -> AuditRecord:
    documents = session.target.backend.documents
    return begin_record(documents, action, session.source.subscription, details)


def _end(documents: Documents, record: AuditRecord, result: Result) -> None:
    """Record the result. The change is done, so a failure is only reported."""
    try:
        end_record(documents, record, result.as_json())
    except BridgeError as error:
        print_message(f"The outcome is missing in the record {record.id} of `audit`: {error}")


def _drop(session: Session, letters: Sequence[Letter], result: Result) -> None:
    """Acknowledge letters, and count them in `result`."""
    try:
        with interruptible() as stopped:
            session.leases.acknowledge((each.message_id for each in letters), stopped)
            if stopped():
                result.error = INTERRUPTED
    except BackendError as error:
        result.error = str(error)
    except KeyboardInterrupt:
        result.error = INTERRUPTED
    left = tuple(each for each in letters if each.message_id in session.leases)
    result.acknowledged = len(letters) - len(left)
    if left:
        result.left.append(Left(left, "not_dropped"))


def _explain(result: Result, *, dry_run: bool) -> None:
    if dry_run:
        print_message("Dry run: nothing was changed.")
    elif not result.selected:
        print_message("No message is selected: nothing was changed.")
