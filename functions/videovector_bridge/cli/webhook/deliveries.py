"""The command `videovector-bridge webhook deliveries`."""

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Annotated

import typer

from videovector_bridge.api import ApiError, Delivery, NotFound
from videovector_bridge.api.errors import Conflict, RequestRefused
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli import options
from videovector_bridge.cli.connection import open_client
from videovector_bridge.cli.exits import EXITS, NotReachedError
from videovector_bridge.cli.output import show_json, show_table, tell
from videovector_bridge.cli.webhook.find import find_the_one
from videovector_bridge.cli.webhook.webhook_spec import problems_of_name
from videovector_bridge.settings.cli import api_settings

_COLUMNS = (
    *("delivery_id", "event_type", "status", "attempts", "response_status_code"),
    *("created_at", "next_retry_at", "error_message"),
)


@dataclass(frozen=True, slots=True)
class Retried:
    """What became of asking for a delivery again: its new status, or why it was refused."""

    delivery_id: str
    status: str | None = None
    refused: str | None = None


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("deliveries", epilog=EXITS)(deliveries_command)


def deliveries_command(
    *,
    name: options.Name = "default",
    failed: Annotated[bool, typer.Option("--failed", help="Only those given up on.")] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Have those shown that failed sent again.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 50,
    as_json: options.Json = False,
) -> None:
    """Show the deliveries on record, and have failed ones sent again.

    With --retry, the exit status is 3 if VideoVector refuses to send one of them again.
    """
    with open_client(api_settings(os.environ, problems_of_name(name))) as client:
        webhook_id = find_the_one(client, name).webhook_id
        status, page = ("failed" if failed else None), min(limit, 100)
        records = client.deliveries(webhook_id, status=status, page_size=page)
        # Whether the API heeds the filter is not documented.
        asked_for = (each for each in records if not failed or each.status == "failed")
        shown = list(islice(asked_for, limit))
        retried: list[Retried] = []
        stopped = _retry(client, shown, retried) if retry else None
    if as_json:
        result = {"webhook_id": webhook_id, "deliveries": [asdict(each) for each in shown]}
        show_json(result | ({"retried": [asdict(each) for each in retried]} if retry else {}))
    else:
        rows = [asdict(each) for each in shown]
        show_table(_COLUMNS, [[row[column] for column in _COLUMNS] for row in rows])
    for each in retried:
        tell(f"{each.delivery_id}: {each.refused or f'sent again, now {each.status}'}")
    if stopped is not None:
        raise stopped
    if refused := sum(each.refused is not None for each in retried):
        raise NotReachedError(f"{refused} of {len(retried)} deliveries were not sent again.")


def _retry(
    client: WebhooksClient, shown: Iterable[Delivery], retried: list[Retried]
) -> ApiError | None:
    """Note in `retried` what became of each; the error that ended it before the last, if any."""
    for delivery in shown:
        if delivery.status != "failed":
            continue
        try:
            record = client.retry_delivery(delivery.delivery_id)
        except (Conflict, NotFound, RequestRefused) as error:  # it alone is refused
            retried.append(Retried(delivery.delivery_id, refused=_why(error)))
        except ApiError as error:
            return error
        else:
            retried.append(Retried(delivery.delivery_id, status=record.status))
    return None


def _why(error: ApiError) -> str:
    return error.message or str(error)
