"""When alerts fire, and when they do not; their texts, and the charts. As planned."""

import json
import re
from collections.abc import Iterable, Mapping

import pytest

from tests.infra.alerts.conftest import FILE
from tests.infra.conftest import Runs
from tests.support import ROOT
from tests.support.log_entries import line_entry, text_entry
from tests.support.logging_filter import Entry
from tests.support.monitoring import Monitoring
from tests.support.pages import find_anchors
from tests.support.promql import Series

MINUTE, HOUR, DAY = 60, 3_600, 86_400
OPERATING = ROOT / "docs" / "operating.md"


# Webhooks and processes


def responses(monitoring: Monitoring, times: Iterable[float], code: str = "503") -> Series:
    """Cloud Run's count of responses of the receiver: a point for each response."""
    (service,) = re.findall(
        r'service_name="([^"]+)"', monitoring.policies["webhook-unavailable"].query
    )
    labels = {
        "monitored_resource": "cloud_run_revision",
        "project_id": "test-project",
        "location": "us-central1",
        "service_name": service,
        "response_code": code,
    }
    return Series("run_googleapis_com:request_count", labels, [(time, 1.0) for time in times])


def webhook_line(event: str, status: int = 503) -> Entry:
    """A line of the receiver."""
    line = {"severity": "ERROR", "message": "", "event": event, "status": status}
    return line_entry(line, "receive-webhook")


@pytest.mark.parametrize(
    ("code", "fires"), [("503", True), ("500", True), ("429", True), ("204", False), ("401", False)]
)
def test_failed_deliveries_raise_an_alert(
    monitoring: Monitoring, code: str, *, fires: bool
) -> None:
    """Counted by Cloud Run, so also if the process died and logged nothing."""
    series = responses(monitoring, range(10, 10 * MINUTE, MINUTE), code)

    fired = monitoring.first_alerts("webhook-unavailable", [], until=HOUR, others=[series])

    assert bool(fired) == fires


def test_single_failed_deliveries_raise_no_alert(monitoring: Monitoring) -> None:
    """VideoVector repeats them."""
    series = responses(monitoring, range(10, DAY, 3 * MINUTE))

    assert monitoring.first_alerts("webhook-unavailable", [], until=DAY, others=[series]) == {}


def test_a_rotation_raises_no_alert(monitoring: Monitoring) -> None:
    """Deliveries that were signed during a rotation get 503, and are repeated."""
    times = range(10, 10 * MINUTE, 10)
    lines = [(time, webhook_line("webhook.rotating")) for time in times]
    series = [responses(monitoring, times)]

    assert monitoring.first_alerts("webhook-unavailable", lines, until=HOUR, others=series) == {}


def test_a_process_that_dies_raises_an_alert(monitoring: Monitoring) -> None:
    """Of the receiver or any other function, by its name."""
    lines = [(100.0, text_entry("Memory limit of 512 MiB exceeded with 524 MiB used.", "drain"))]

    fired = monitoring.first_alerts("instances-crash", lines, until=HOUR)

    assert fired == {frozenset({("service_name", "drain")}): 120}


@pytest.mark.parametrize(
    ("alert", "event", "status", "count"),
    [("webhook-refused", "webhook.refused", 401, 51), ("faults", "webhook.crashed", 503, 1)],
)
def test_lines_raise_an_alert_above_their_threshold(
    monitoring: Monitoring, alert: str, event: str, status: int, count: int
) -> None:
    """One line fewer does not."""
    lines = [(100.0 + number, webhook_line(event, status)) for number in range(count)]

    assert len(monitoring.first_alerts(alert, lines, until=HOUR)) == 1
    assert monitoring.first_alerts(alert, lines[1:], until=HOUR) == {}


# Pub/Sub


def gauge(metric: str, subscription: str, value: float) -> Series:
    """A metric of a subscription, which has this value for an hour."""
    labels = {
        "monitored_resource": "pubsub_subscription",
        "project_id": "test-project",
        "subscription_id": subscription,
    }
    points = [(float(time), value) for time in range(0, HOUR, MINUTE)]
    return Series(f"pubsub_googleapis_com:subscription_{metric}", labels, points)


@pytest.mark.parametrize(
    ("alert", "metric", "subscription", "value", "fires"),
    [
        ("dead-letters", "num_undelivered_messages", "two-dead-letters", 1, True),
        ("dead-letters", "num_undelivered_messages", "two-dead-letters", 0, False),
        ("dead-letters", "num_undelivered_messages", "dead-letters", 1, False),
        ("copies-stalled", "oldest_unacked_message_age", "two-events-to-bigquery", 3_601, True),
        ("copies-stalled", "oldest_unacked_message_age", "two-events-to-archive", 3_601, True),
        ("copies-stalled", "oldest_unacked_message_age", "two-events-to-archive", 600, False),
        ("copies-stalled", "oldest_unacked_message_age", "events-to-archive", 3_601, False),
        ("unacknowledged", "oldest_unacked_message_age", "two-run-searches-0eb15754", 1_801, True),
        ("unacknowledged", "oldest_unacked_message_age", "run-searches-0eb15754", 1_801, False),
    ],
)
def test_metrics_of_this_deployments_subscriptions_raise_alerts(
    second: Monitoring, alert: str, metric: str, subscription: str, value: float, *, fires: bool
) -> None:
    """Those of another deployment in the project do not."""
    series = gauge(metric, subscription, value)

    assert bool(second.first_alerts(alert, [], until=HOUR, others=[series])) == fires


# Every alert and chart


def test_a_deployment_without_copies_has_no_alert_on_them(
    monitoring: Monitoring, second: Monitoring
) -> None:
    """The other alerts are the same, one policy for all streams."""
    assert set(second.policies) - set(monitoring.policies) == {"copies-stalled"}
    assert len(second.policies) == 13


def test_no_query_looks_back_further_than_cloud_monitoring_allows(second: Monitoring) -> None:
    """25 hours of a log-based metric, with the duration of the condition.

    https://cloud.google.com/monitoring/alerts/concepts-indepth
    """
    for name, policy in second.policies.items():
        units = {"s": 1, "m": MINUTE, "h": HOUR}
        ranges = re.findall(r"\[(\d+)([smh])\]", policy.query)
        longest = max((int(number) * units[unit] for number, unit in ranges), default=0)

        assert longest + policy.seconds <= 25 * HOUR, name


def test_each_alert_states_what_happened_the_first_action_and_its_runbook(
    second: Monitoring,
) -> None:
    """The runbook is a section of docs/operating.md."""
    anchors = find_anchors(OPERATING)
    for policy in second.policies.values():
        what, action, runbook = policy.text.split("\n\n")
        section = re.fullmatch(r'\*\*Runbook\.\*\* docs/operating\.md, section "(.+)"\.', runbook)

        assert len(what) > 40
        assert action.startswith("**First action.** ")
        assert section is not None
        assert section[1].lower().replace(" ", "-") in anchors, section[1]
        assert len(policy.text) < 8_192


def test_the_alert_on_dead_letters_names_the_section_that_redrives(second: Monitoring) -> None:
    """And the subscription of this deployment."""
    text = second.policies["dead-letters"].text

    assert 'section "Redrive dead letters"' in text
    assert "pull two-dead-letters " in text


def test_every_chart_is_of_this_deployment(runs: Runs) -> None:
    """Metrics of Pub/Sub name its topics and subscriptions; the others have its prefix."""
    (dashboard,) = (
        change["change"]["after"]
        for change in runs(FILE)["second"].changes
        if change["type"] == "google_monitoring_dashboard"
    )
    tiles: list[Mapping[str, object]] = json.loads(dashboard["dashboard_json"])["mosaicLayout"][
        "tiles"
    ]
    queries = re.findall(r'"prometheusQuery": (".*?[^\\]")', json.dumps(tiles))

    assert len(queries) == len(tiles)
    for query in map(json.loads, queries):
        names = re.findall(r'(?:topic|subscription)_id=~?"([^"]+)"', query)
        if "pubsub_googleapis_com" in query:
            assert names
            assert all(name.startswith("two-") for name in names[0].split("|"))
        else:
            assert "user_two_videovector_" in query
    # Google returns no 0, which would be a change at every plan.
    assert all(0 not in (tile.get("xPos"), tile.get("yPos")) for tile in tiles)
