"""The commands `videovector-bridge webhook ...`: each parses options and prints one result."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from videovector_bridge.api.bridge_webhooks import find_bridge_name, select_webhooks
from videovector_bridge.api.models import Webhook
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli import options
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.errors import EXIT_STATUSES, FAILED
from videovector_bridge.cli.output import print_fields, print_json, print_message, print_table
from videovector_bridge.cli.webhook.deliveries_command import deliveries_command
from videovector_bridge.cli.webhook.delivery_check import await_test_event
from videovector_bridge.cli.webhook.ensure import ensure
from videovector_bridge.cli.webhook.secret_rotator import SecretRotator
from videovector_bridge.cli.webhook.secret_store import SecretStore, choose_store
from videovector_bridge.cli.webhook.topic_watch import open_watch, topic_path
from videovector_bridge.cli.webhook.webhook_spec import (
    WebhookSpec,
    check_name,
    check_options,
    select_webhook,
    split_words,
)
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.cli import read_watched_topic

app = typer.Typer(
    no_args_is_help=True,
    help="Manage the webhook that delivers VideoVector's events: exactly one for each name.",
    epilog=EXIT_STATUSES,
)


@app.command("ensure", epilog=EXIT_STATUSES)
def ensure_command(
    ctx: typer.Context,
    *,
    url: Annotated[str, typer.Option("--url", help="The https address of receive_webhook.")],
    name: options.Name = "default",
    events: Annotated[
        list[str] | None,
        typer.Option("--events", help="Event types, repeated or separated by commas; default all."),
    ] = None,
    index: Annotated[
        list[str] | None,
        typer.Option("--index", help="Index ids, repeated or separated by commas; default all."),
    ] = None,
    secret_file: options.SecretFile = None,
    secret: options.Secret = "",
    as_json: options.Json = False,
) -> None:
    """Ensure that exactly one webhook of this name is active, with its secret stored.

    Creates the webhook or repairs it, and deletes further ones of the same name. Leaves webhooks
    of others alone. If the store does not have its secret, the webhook gets a new one. Safe to run
    again at any time.
    """
    client, store = _open(ctx, check_options(name, url), secret_file, secret)
    rotator = SecretRotator(name, store, print_message)
    with client:
        rotator.load()
        event_types = split_words(events or []) or tuple(client.event_names())
        spec = WebhookSpec(name, url, event_types, split_words(index or []) or None)
        result = ensure(client, rotator, spec, grace_seconds=3_600, notify=print_message)
    if as_json:
        changes = asdict(result.changes)
        print_json({"webhook": _to_json(result.webhook), **changes, "stored_in": str(store)})
        return
    print_fields([*_to_json(result.webhook).items(), ("secret", f"in {store}")])
    changed = str(result.changes)
    print_message(f"As specified now ({changed})." if changed else "As specified already.")


@app.command("rotate", epilog=EXIT_STATUSES)
def rotate_command(
    ctx: typer.Context,
    *,
    name: options.Name = "default",
    grace: options.Grace = "1h",  # type: ignore[assignment] # the parser's input
    secret_file: options.SecretFile = None,
    secret: options.Secret = "",
    as_json: options.Json = False,
) -> None:
    """Give the webhook a new secret; the old one stays valid until the grace period ends.

    Receivers need no redeployment. After a crash, run it again.
    """
    client, store = _open(ctx, check_name(name), secret_file, secret)
    rotator = SecretRotator(name, store, print_message)
    with client:
        stored_id = rotator.load().webhook_id
        webhook = select_webhook(client.list_webhooks(), name, stored_id, notify=print_message)
        end = rotator.rotate(client, webhook.webhook_id, grace).isoformat()
    if as_json:
        print_json(
            {"webhook_id": webhook.webhook_id, "old_secrets_end": end, "stored_in": str(store)}
        )
        return
    print_message(f"{webhook.webhook_id} has a new secret, in {store}. The old one ends at {end}.")


@app.command("test", epilog=EXIT_STATUSES)
def check_delivery_command(
    ctx: typer.Context,
    *,
    name: options.Name = "default",
    subscription: Annotated[
        str,
        typer.Option(
            "--subscription",
            metavar="projects/P/subscriptions/S",
            help="Read from this subscription; only test events are acknowledged. Default: a "
            "temporary subscription.",
        ),
    ] = "",
    project: Annotated[
        str, typer.Option("--project", help="Project of the topic (GOOGLE_CLOUD_PROJECT).")
    ] = "",
    topic: Annotated[str, typer.Option("--topic", help="Topic of events (EVENTS_TOPIC).")] = "",
    timeout: Annotated[
        float, typer.Option("--timeout", parser=options.parse_duration, metavar="DURATION")
    ] = "60s",  # type: ignore[assignment] # the parser's input
    as_json: options.Json = False,
) -> None:
    """Ask VideoVector for a test delivery and wait until its event is published on the topic."""
    problems = check_name(name)
    context = ctx.ensure_object(CommandContext)
    watched = read_watched_topic(
        context.environ, project=project, topic=topic, subscription=subscription, problems=problems
    )
    with context.open_client(problems) as client:
        webhook = select_webhook(client.list_webhooks(), name, notify=print_message)
        with open_watch(watched) as watch:
            where = watched.subscription or topic_path(watched)
            print_message(f"Testing {webhook.webhook_id}, waiting for its event on {where}...")
            arrival = await_test_event(
                client, webhook.webhook_id, watch, seconds=timeout, where=where
            )
    if as_json:
        print_json({"webhook_id": webhook.webhook_id, **asdict(arrival), "seen_on": where})
        return
    print_message(
        f"The test event {arrival.event_id} was seen on {where} after {arrival.seconds:.1f} s."
    )


@app.command("list", epilog=EXIT_STATUSES)
def list_command(ctx: typer.Context, *, as_json: options.Json = False) -> None:
    """List every webhook of the account, with the bridge's name for those of the bridge."""
    with ctx.ensure_object(CommandContext).open_client() as client:
        rows = [_to_json(webhook) for webhook in client.list_webhooks()]
    if as_json:
        print_json({"webhooks": rows})
        return
    columns = ("webhook_id", "ours", "name", "status", "failure_count", "url")
    print_table(columns, [[row[column] for column in columns] for row in rows])


@app.command("delete", epilog=EXIT_STATUSES)
def delete_command(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Argument(help="The bridge's name for the webhook.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: options.Json = False,
) -> None:
    """Delete the bridge's webhook of this name. Webhooks of others are left alone."""
    with ctx.ensure_object(CommandContext).open_client(check_name(name)) as client:
        ids = [webhook.webhook_id for webhook in select_webhooks(client.list_webhooks(), name)]
        if ids and not yes and not _confirm(ids):
            print_message("Nothing was deleted. Without a terminal, confirm with --yes.")
            raise typer.Exit(FAILED)
        deleted = [webhook_id for webhook_id in ids if client.delete(webhook_id)]
    if as_json:
        print_json({"deleted": deleted})
        return
    print_message(
        f"Deleted {', '.join(deleted)}."
        if deleted
        else f"The bridge has no webhook named {name!r}."
    )


app.command("deliveries", epilog=EXIT_STATUSES)(deliveries_command)


def _confirm(ids: Sequence[str]) -> bool:
    try:
        return typer.confirm(f"Delete {', '.join(ids)}?", err=True)
    except typer.Abort:  # end of input
        return False


def _open(
    ctx: typer.Context, problems: list[str], secret_file: Path | None, secret: str
) -> tuple[WebhooksClient, SecretStore]:
    """Return the client and a writable store. Raises `SettingsError` with every problem at once."""
    store = choose_store(secret_file, secret, problems)
    try:
        if store is not None:
            store.check_writable()
    except SettingsError as error:
        problems.extend(error.problems)
    client = ctx.ensure_object(CommandContext).open_client(problems)
    if store is None:
        raise SettingsError(problems)
    return client, store


def _to_json(webhook: Webhook) -> Mapping[str, object]:
    return {
        "webhook_id": webhook.webhook_id,
        "ours": find_bridge_name(webhook),
        "name": webhook.name,
        "status": webhook.status,
        "failure_count": webhook.failure_count,
        "url": webhook.url,
        "events": webhook.events,
        "index_ids": webhook.index_ids,
        "created_at": webhook.created_at,
    }
