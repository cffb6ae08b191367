"""The command `webhook deliveries`: its report, and its retries."""

import httpx

from tests.support.commands import WebhookCommands
from tests.support.webhook_api import delivery


def test_deliveries_are_shown_without_their_payload(cli: WebhookCommands) -> None:
    """In a table, or as JSON."""
    cli.add()
    cli.api.records = [delivery("d1"), delivery("d2", "delivered")]
    table = cli.run("deliveries")
    failed = cli.run("deliveries", "--failed", "--limit", "1", "--json")

    assert table.status == failed.status == 0
    assert "d1" in table.out
    assert "d2" in table.out
    assert [each["delivery_id"] for each in failed.json["deliveries"]] == ["d1"]
    assert "payload" not in failed.json["deliveries"][0]


def test_failed_deliveries_are_selected_even_if_the_api_ignores_the_filter(
    cli: WebhookCommands,
) -> None:
    """It is undocumented whether VideoVector applies it."""
    cli.add()
    cli.api.applies_status_filter = False
    cli.api.records = [delivery("d1", "delivered"), delivery("d2"), delivery("d3", "retrying")]

    ran = cli.run("deliveries", "--failed", "--json")

    assert [each["delivery_id"] for each in ran.json["deliveries"]] == ["d2"]


def test_only_failed_deliveries_are_retried(cli: WebhookCommands) -> None:
    """Each outcome is reported; status 3 if VideoVector refuses one."""
    cli.add()
    cli.api.records = [delivery("d1"), delivery("d2", "delivered"), delivery("d3", attempts=9)]
    ran = cli.run("deliveries", "--retry", "--json")

    assert ran.status == 3
    assert ran.json["retried"] == [
        {"delivery_id": "d1", "status": "pending", "refused": None},
        {
            "delivery_id": "d3",
            "status": None,
            "refused": "Only a failed delivery can be retried",
        },
    ]
    assert "1 of 2 deliveries were not sent again" in ran.err


def test_retries_that_stop_early_report_what_was_done(cli: WebhookCommands) -> None:
    """The command prints the outcomes first, then the error that stopped it."""
    cli.add()
    cli.api.records = [delivery("d1"), delivery("d2")]

    def fail_on_second(step: str) -> None:
        if "deliveries/d2/retry" in step:
            raise httpx.ConnectError("gone")

    cli.api.on_step = fail_on_second
    ran = cli.run("deliveries", "--retry")

    assert ran.status == 1
    outcome, error = "d1: sent again, now pending", "Run the command again"
    assert 0 <= ran.err.find(outcome) < ran.err.find(error)
