"""The command `videovector-bridge webhook deliveries`."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Annotated

import typer

from videovector_bridge.api import ApiError, NotFound
from videovector_bridge.api.errors import Conflict, RequestRefused
from videovector_bridge.api.models import Delivery
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.cli import options
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.errors import NotReachedError
from videovector_bridge.cli.output import print_json, print_message, print_table
from videovector_bridge.cli.webhook.webhook_spec import check_name, select_webhook

_COLUMNS = (
    *("delivery_id", "event_type", "status", "attempts", "response_status_code"),
    *("created_at", "next_retry_at", "error_message"),
)


@dataclass(frozen=True, slots=True)
class RetryOutcome:
    """The outcome of a manual retry: the delivery's new status, or why it was refused."""

    delivery_id: str
    status: str | None = None
    refused: str | None = None


def deliveries_command(
    ctx: typer.Context,
    *,
    name: options.Name = "default",
    failed: Annotated[bool, typer.Option("--failed", help="Only failed deliveries.")] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Send the failed deliveries among them again.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 50,
    as_json: options.Json = False,
) -> None:
    """Show recorded deliveries and, on request, send failed ones again.

    With --retry, the exit status is 3 if VideoVector refuses to send one of them again.
    """
    with ctx.ensure_object(CommandContext).open_client(check_name(name)) as client:
        webhook_id = select_webhook(client.list_webhooks(), name, notify=print_message).webhook_id
        status, page = ("failed" if failed else None), min(limit, 100)
        records = client.deliveries(webhook_id, status=status, page_size=page)
        # It is undocumented whether the API applies the filter.
        matching = (record for record in records if not failed or record.status == "failed")
        selected = list(islice(matching, limit))
        outcomes: list[RetryOutcome] = []
        error = _retry(client, selected, outcomes) if retry else None
    if as_json:
        result = {
            "webhook_id": webhook_id,
            "deliveries": [asdict(delivery) for delivery in selected],
        }
        print_json(
            result | ({"retried": [asdict(outcome) for outcome in outcomes]} if retry else {})
        )
    else:
        rows = [asdict(delivery) for delivery in selected]
        print_table(_COLUMNS, [[row[column] for column in _COLUMNS] for row in rows])
    for outcome in outcomes:
        result_text = outcome.refused or f"sent again, now {outcome.status}"
        print_message(f"{outcome.delivery_id}: {result_text}")
    if error is not None:
        raise error
    if refused := sum(outcome.refused is not None for outcome in outcomes):
        raise NotReachedError(f"{refused} of {len(outcomes)} deliveries were not sent again.")


def _retry(
    client: WebhooksClient, selected: Iterable[Delivery], outcomes: list[RetryOutcome]
) -> ApiError | None:
    """Retry failed deliveries and append their outcomes; return the error that ended this early."""
    for delivery in selected:
        if delivery.status != "failed":
            continue
        try:
            record = client.retry_delivery(delivery.delivery_id)
        except (Conflict, NotFound, RequestRefused) as error:  # concerns this delivery only
            refused = error.message or str(error)
            outcomes.append(RetryOutcome(delivery.delivery_id, refused=refused))
        except ApiError as error:
            return error
        else:
            outcomes.append(RetryOutcome(delivery.delivery_id, status=record.status))
    return None
