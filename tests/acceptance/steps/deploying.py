"""The first apply, options that are turned on and off, and changed filters."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tests.acceptance.bridge import Bridge, check
from tests.acceptance.cloud import Cloud
from tests.acceptance.plans import Report, find_deletions, find_losses

FUNCTION = "google_cloudfunctions2_function"
SUBSCRIPTION = "google_pubsub_subscription"
_ARCHIVE = "module.bridge.google_storage_bucket.archive[0]"
_TABLE = "module.bridge.google_bigquery_table.events[0]"
_CHANGED = "upsert-markers"

EVERYTHING: Mapping[str, Any] = {
    "alerts": {"cursor_age_seconds": 600},
    "archive": {"retention_days": 30},
    "bigquery": {"retention_days": 30},
    "environment": {"all": {"API_TIMEOUT_SECONDS": "20"}, "drain": {"LANES": "32"}},
    "functions": {"upsert-markers": {"max_instances": 20}},
    "keep_data_in_region": True,
    "labels": {"app": "videovector-bridge", "team": "media"},
    "previews": {"retention_days": 30},
    "signed_url_buckets": ["my-media"],
    "streams": {
        "default": {},
        "failures": {
            "event_types": ["processing.run_failed"],
            "schedule": "*/5 * * * *",
            "window_seconds": 100,
            "cursor_policy": "earliest",
        },
    },
    "webhook": {"access": "load_balancer"},
    "webhook_ids": ["wh_1", "wh_2"],
}
"""Variables that turn on every option of an existing deployment."""


def deploy(bridge: Bridge[Cloud]) -> str:
    """The first apply succeeds, every function runs, and the plan after it is empty."""
    bridge.apply()
    bridge.check_functions_run()
    bridge.check_empty_plan()
    return _count(bridge)


def turn_options_on(bridge: Bridge[Cloud]) -> str:
    """Every option can be turned on, which deletes no data, and the plan after it is empty."""
    bridge.set(**{**EVERYTHING, **bridge.cloud.options})
    check_no_loss(bridge.apply())
    bridge.check_empty_plan()
    return _count(bridge)


def turn_options_off(bridge: Bridge[Cloud]) -> str:
    """Every option can be turned off: copies end, what holds them stays, the plan is empty."""
    off = dict.fromkeys([*EVERYTHING, *bridge.cloud.options])
    bridge.set(**{**off, "archive": {"enabled": False}, "bigquery": {"enabled": False}})
    check_no_loss(bridge.apply())
    state = bridge.state
    check(
        [f"{address} is gone" for address in (_ARCHIVE, _TABLE) if address not in state.resources]
    )
    bridge.check_empty_plan()
    return _count(bridge)


def change_filter(bridge: Bridge[Cloud]) -> str:
    """A changed filter makes a new subscription, removes the old one, and touches no function."""
    before = bridge.state.outputs["subscriptions"][_CHANGED]
    bridge.workspace.edit_topology(partial(narrow_filter, name=_CHANGED))
    report = bridge.apply()
    check(find_deletions(report.changes, FUNCTION))
    after = bridge.state.outputs["subscriptions"][_CHANGED]
    existing = bridge.cloud.list_subscriptions()
    failures = []
    if before in existing:
        failures.append(f"subscription {before} of the old filter still exists")
    if after == before or after not in existing:
        failures.append(f"there is no subscription with the new filter, only {before}")
    check(failures)
    bridge.check_empty_plan()
    return f"{after} replaces {before}"


def check_no_loss(report: Report) -> None:
    """Check that the changes of a command delete no data and no function."""
    check([*find_losses(report.changes), *find_deletions(report.changes, FUNCTION)])


def narrow_filter(topology: dict[str, Any], name: str) -> None:
    """Give a subscription of the topology another filter."""
    topology["subscriptions"][name]["filter"] = (
        'attributes."ce-type" = "com.vectormethods.prompt_run.failed"'
    )


def _count(bridge: Bridge[Cloud]) -> str:
    return f"{len(bridge.state.list_cloud_resources())} resources"
