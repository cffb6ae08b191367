"""What an acceptance run reads in Terraform's JSON, and what it counts as lost data."""

import json
from typing import Any

import pytest

from tests.acceptance.plans import (
    Change,
    describe_plan,
    find_deletions,
    find_losses,
    read_report,
)

DATABASE = "module.bridge.google_firestore_database.this[0]"


def _planned(address: str, kind: str, action: str, **more: Any) -> str:
    change = {"resource": {"addr": address, "resource_type": kind}, "action": action, **more}
    return json.dumps({"type": "planned_change", "change": change})


def _diagnostic(severity: str, summary: str, **more: Any) -> str:
    diagnostic = {"severity": severity, "summary": summary, **more}
    return json.dumps({"type": "diagnostic", "diagnostic": diagnostic})


def test_a_report_has_the_planned_changes_with_their_reasons() -> None:
    """A no-op, which Terraform reports for a moved resource, is no change."""
    output = "\n".join(
        [
            '{"type": "version"}',
            _planned("a.b", "a", "noop"),
            _planned("c.d", "c", "replace", reason="tainted"),
            "a line that is no JSON",
        ]
    )

    report = read_report(2, output)

    assert report.ok
    assert report.changes == (Change("c.d", "c", "replace", "tainted"),)
    assert str(report.changes[0]) == "replace c.d (tainted)"


def test_a_report_has_each_error_as_one_line_with_its_resource() -> None:
    """Warnings are none, and an error without an address is of no resource."""
    output = "\n".join(
        [
            _diagnostic("warning", "Deprecated"),
            _diagnostic("error", "Build failed", detail="no\n  package", address="f.this"),
            _diagnostic("error", "Invalid value"),
        ]
    )

    report = read_report(1, output)

    assert not report.ok
    assert report.errors == ("f.this: Build failed. no package", "Invalid value")
    assert report.failed_addresses == {"f.this"}


def test_a_changed_output_is_in_the_report() -> None:
    """A plan that changes outputs alone is not empty."""
    outputs = {"type": "outputs", "outputs": {"a": {"action": "update"}, "b": {"action": "noop"}}}

    assert read_report(2, json.dumps(outputs)).outputs == ("a",)


@pytest.mark.parametrize("action", ["delete", "replace"])
@pytest.mark.parametrize(
    ("address", "kind"),
    [
        (DATABASE, "google_firestore_database"),
        ("google_bigquery_table.events[0]", "google_bigquery_table"),
        ('module.bridge.google_pubsub_topic.this["events"]', "google_pubsub_topic"),
        ("module.bridge.google_storage_bucket.claims", "google_storage_bucket"),
        (
            'module.bridge.google_pubsub_subscription.pull["dead-letters"]',
            "google_pubsub_subscription",
        ),
        ("google_secret_manager_secret.webhook", "google_secret_manager_secret"),
    ],
)
def test_deleting_what_holds_data_is_a_loss(address: str, kind: str, action: str) -> None:
    """Replacing it is one too."""
    (loss,) = find_losses([Change(address, kind, action)])

    assert address in loss
    assert action in loss


@pytest.mark.parametrize(
    ("address", "kind", "action"),
    [
        (DATABASE, "google_firestore_database", "update"),
        (DATABASE, "google_firestore_database", "move"),
        ("google_secret_manager_secret.webhook", "google_secret_manager_secret", "remove"),
        ("module.bridge.google_storage_bucket.source", "google_storage_bucket", "replace"),
        (
            'module.bridge.google_pubsub_subscription.push["upsert-markers-6b16d4fe"]',
            "google_pubsub_subscription",
            "delete",
        ),
        ('google_cloudfunctions2_function.this["a"]', "google_cloudfunctions2_function", "delete"),
    ],
)
def test_other_changes_lose_nothing(address: str, kind: str, action: str) -> None:
    """An update, a new address, and the deletion of what Terraform creates again from sources."""
    assert find_losses([Change(address, kind, action)]) == []


def test_deletions_of_one_type_are_listed() -> None:
    """Replacing deletes; creating does not."""
    changes = [
        Change("f.a", "f", "replace"),
        Change("f.b", "f", "create"),
        Change("g.a", "g", "delete"),
    ]

    assert find_deletions(changes, "f") == ["the plan would replace f.a"]


def test_a_plan_is_described_with_the_attributes_that_differ() -> None:
    """For a replacement, those that force it; and outputs."""
    plan = {
        "resource_changes": [
            {"address": "a.b", "change": {"actions": ["no-op"]}},
            {
                "address": "c.d",
                "change": {
                    "actions": ["update"],
                    "before": {"size": 1, "name": "x"},
                    "after": {"size": 2, "name": "x"},
                    "after_unknown": {"uri": True},
                },
            },
            {
                "address": "e.f",
                "change": {
                    "actions": ["delete", "create"],
                    "before": {"region": "a", "size": 1},
                    "after": {"region": "b", "size": 2},
                    "replace_paths": [["region"], ["config", 0, "key"]],
                },
            },
            {"address": "g.h", "change": {"actions": ["create"], "after": {"size": 1}}},
        ],
        "output_changes": {"uri": {"actions": ["update"]}, "same": {"actions": ["no-op"]}},
    }

    assert describe_plan(plan) == [
        "the plan would update c.d because of size",
        "the plan would delete and create e.f because of region, config.0.key",
        "the plan would create g.h",
        "the plan would change the output uri",
    ]
