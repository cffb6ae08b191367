"""The commands `videovector-bridge webhook ...`: options in, one call, a result out."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from videovector_bridge.api import Webhook
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli import options
from videovector_bridge.cli.connection import open_client
from videovector_bridge.cli.durations import seconds_of
from videovector_bridge.cli.exits import EXITS, FAILED
from videovector_bridge.cli.output import show_fields, show_json, show_table, tell
from videovector_bridge.cli.webhook import deliveries
from videovector_bridge.cli.webhook.arrival import await_test_event
from videovector_bridge.cli.webhook.ensure import ensure
from videovector_bridge.cli.webhook.find import find_ours, find_the_one
from videovector_bridge.cli.webhook.secret_rotator import SecretKeeper
from videovector_bridge.cli.webhook.secret_store import SecretStore, choose_store
from videovector_bridge.cli.webhook.topic_watch import open_watch, topic_path
from videovector_bridge.cli.webhook.webhook_spec import (
    Wanted,
    our_name,
    problems_of,
    problems_of_name,
    words_of,
)
from videovector_bridge.errors import SettingsError
from videovector_bridge.settings.cli import api_settings, watched

app = typer.Typer(
    no_args_is_help=True,
    help="The webhook by which VideoVector delivers events: exactly one of ours for each name.",
    epilog=EXITS,
)


@app.command("ensure", epilog=EXITS)
def ensure_command(
    *,
    url: Annotated[str, typer.Option("--url", help="Where receive_webhook is reached (https).")],
    name: options.Name = "default",
    events: Annotated[
        list[str] | None,
        typer.Option("--events", help="Events, by commas or repeated; all that there are if none."),
    ] = None,
    index: Annotated[
        list[str] | None,
        typer.Option("--index", help="Only these indexes, by commas or repeated; every one else."),
    ] = None,
    secret_file: options.SecretFile = None,
    secret: options.Secret = "",
    as_json: options.Json = False,
) -> None:
    """Make exactly one webhook of ours exist, as wanted and active, with its secret stored.

    Creates it, repairs what has drifted, deletes further ones of ours, and leaves others' alone.
    May be run again at any time. If the store does not hold its secret, it is given a new one.
    """
    problems = problems_of(name, url)
    client, store = _open(problems, secret_file, secret)
    keeper = SecretKeeper(name, store, tell)
    with client:
        keeper.load()
        wanted_events = words_of(events or []) or tuple(client.event_names())
        wanted = Wanted(name, url, wanted_events, words_of(index or []) or None)
        found = ensure(client, keeper, wanted, grace_seconds=3_600, tell=tell)
    if as_json:
        done = asdict(found.done)
        show_json({"webhook": _fields(found.webhook), **done, "stored_in": str(store)})
        return
    show_fields([*_fields(found.webhook).items(), ("secret", f"in {store}")])
    tell(f"As wanted now ({found.done})." if str(found.done) else "As wanted already.")


@app.command("rotate", epilog=EXITS)
def rotate_command(
    *,
    name: options.Name = "default",
    grace: options.Grace = "1h",  # type: ignore[assignment] # the parser's input
    secret_file: options.SecretFile = None,
    secret: options.Secret = "",
    as_json: options.Json = False,
) -> None:
    """Give the webhook a new secret; the old one verifies until the grace period ends.

    Receivers need no redeploy. Killed anywhere, it may simply be run again.
    """
    client, store = _open(problems_of_name(name), secret_file, secret)
    keeper = SecretKeeper(name, store, tell)
    with client:
        webhook = find_the_one(client, name, keeper.load().webhook_id)
        ends = keeper.rotate(client, webhook.webhook_id, grace).isoformat()
    if as_json:
        show_json(
            {"webhook_id": webhook.webhook_id, "old_secrets_end": ends, "stored_in": str(store)}
        )
        return
    tell(f"{webhook.webhook_id} has a new secret, in {store}. The old one ends at {ends}.")


@app.command("test", epilog=EXITS)
def try_command(
    *,
    name: options.Name = "default",
    subscription: Annotated[
        str,
        typer.Option(
            "--subscription",
            metavar="projects/P/subscriptions/S",
            help="Look for the event here; only test events are taken. By default a subscription "
            "is made for the while.",
        ),
    ] = "",
    project: Annotated[
        str, typer.Option("--project", help="Of the topic (GOOGLE_CLOUD_PROJECT).")
    ] = "",
    topic: Annotated[str, typer.Option("--topic", help="Of the events (EVENTS_TOPIC).")] = "",
    timeout: Annotated[
        float, typer.Option("--timeout", parser=seconds_of, metavar="DURATION")
    ] = "60s",  # type: ignore[assignment] # the parser's input
    as_json: options.Json = False,
) -> None:
    """Have VideoVector deliver a test event, and wait until it is seen on the topic."""
    problems = problems_of_name(name)
    place = watched(
        os.environ, project=project, topic=topic, subscription=subscription, problems=problems
    )
    with open_client(api_settings(os.environ, problems)) as client:
        webhook = find_the_one(client, name)
        with open_watch(place) as watch:
            where = place.subscription or topic_path(place)
            tell(f"Testing {webhook.webhook_id}, and looking at {where}...")
            seen = await_test_event(client, webhook.webhook_id, watch, seconds=timeout, where=where)
    if as_json:
        show_json({"webhook_id": webhook.webhook_id, **asdict(seen), "seen_on": where})
        return
    tell(f"The test event {seen.event_id} was seen on {where} after {seen.seconds:.1f} s.")


@app.command("list", epilog=EXITS)
def list_command(*, as_json: options.Json = False) -> None:
    """List every webhook of the account; those of ours by our name for them."""
    with open_client(api_settings(os.environ, [])) as client:
        rows = [_fields(webhook) for webhook in client.list_webhooks()]
    if as_json:
        show_json({"webhooks": rows})
        return
    columns = ("webhook_id", "ours", "name", "status", "failure_count", "url")
    show_table(columns, [[row[column] for column in columns] for row in rows])


@app.command("delete", epilog=EXITS)
def delete_command(
    *,
    name: Annotated[str, typer.Argument(help="Our name for it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: options.Json = False,
) -> None:
    """Delete the webhook of ours that has this name; others' are left alone."""
    with open_client(api_settings(os.environ, problems_of_name(name))) as client:
        found = find_ours(client, name)
        ids = [webhook.webhook_id for webhook in found]
        if ids and not yes and not _sure(ids):
            tell("Nothing was deleted. Where nobody can be asked, --yes says that it may be.")
            raise typer.Exit(FAILED)
        deleted = [webhook_id for webhook_id in ids if client.delete(webhook_id)]
    if as_json:
        show_json({"deleted": deleted})
        return
    tell(f"Deleted {', '.join(deleted)}." if deleted else f"There is none of ours named {name!r}.")


def _sure(ids: Sequence[str]) -> bool:
    try:
        return typer.confirm(f"Delete {', '.join(ids)}?", err=True)
    except typer.Abort:  # nobody answered
        return False


deliveries.add_to(app)


def _open(
    problems: list[str], secret_file: Path | None, secret: str
) -> tuple[WebhooksClient, SecretStore]:
    """The client and a store that has been seen to take a secret; all that is wrong at once."""
    store = choose_store(secret_file, secret, problems)
    try:
        if store is not None:
            store.check_writable()
    except SettingsError as error:
        problems.extend(error.problems)
    client = open_client(api_settings(os.environ, problems))
    if store is None:
        raise SettingsError(problems)
    return client, store


def _fields(webhook: Webhook) -> Mapping[str, object]:
    return {
        "webhook_id": webhook.webhook_id,
        "ours": our_name(webhook),
        "name": webhook.name,
        "status": webhook.status,
        "failure_count": webhook.failure_count,
        "url": webhook.url,
        "events": webhook.events,
        "index_ids": webhook.index_ids,
        "created_at": webhook.created_at,
    }
