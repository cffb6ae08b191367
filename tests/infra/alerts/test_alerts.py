"""When alerts fire, and when they do not; their texts, and the charts. As planned."""

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import sha1
from typing import Any

import pytest

from tests.infra.alerts.conftest import FILE
from tests.infra.conftest import Runs
from tests.support import ROOT
from tests.support.commands import run_command
from tests.support.log_entries import line_entry, text_entry
from tests.support.logging_filter import Entry
from tests.support.monitoring import Monitoring
from tests.support.pages import find_anchors
from tests.support.promql import Series

MINUTE, HOUR, DAY = 60, 3_600, 86_400
OPERATING = ROOT / "docs" / "operating.md"
SUBSCRIPTIONS = json.loads((ROOT / "infra" / "topology.json").read_text("utf-8"))["subscriptions"]


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
def test_failed_deliveries_raise_an_alert(counting: Monitoring, code: str, *, fires: bool) -> None:
    """Counted by Cloud Run, so also if the process died and logged nothing."""
    series = responses(counting, range(10, 10 * MINUTE, MINUTE), code)

    fired = counting.first_alerts("webhook-unavailable", [], until=HOUR, others=[series])

    assert bool(fired) == fires


def test_single_failed_deliveries_raise_no_alert(counting: Monitoring) -> None:
    """VideoVector repeats them."""
    series = responses(counting, range(10, DAY, 3 * MINUTE))

    assert counting.first_alerts("webhook-unavailable", [], until=DAY, others=[series]) == {}


@pytest.mark.parametrize("event", ["webhook.rotating", "webhook.paused"])
def test_a_rotation_or_a_pause_raises_no_alert(counting: Monitoring, event: str) -> None:
    """Deliveries get 503, and VideoVector repeats them."""
    times = range(10, 10 * MINUTE, 10)
    lines = [(time, webhook_line(event)) for time in times]
    series = [responses(counting, times)]

    assert counting.first_alerts("webhook-unavailable", lines, until=HOUR, others=series) == {}


def test_a_process_that_dies_raises_an_alert(monitoring: Monitoring) -> None:
    """Of the receiver or any other function, by its name."""
    lines = [(100.0, text_entry("Memory limit of 512 MiB exceeded with 524 MiB used.", "drain"))]

    fired = monitoring.first_alerts("instances-crash", lines, until=HOUR)

    assert fired == {frozenset({("service_name", "drain")}): 100}


@pytest.mark.parametrize(
    ("alert", "event", "status", "count"),
    [("webhook-refused", "webhook.refused", 401, 51), ("faults", "webhook.crashed", 503, 1)],
)
def test_lines_raise_an_alert_above_their_threshold(
    counting: Monitoring, alert: str, event: str, status: int, count: int
) -> None:
    """One line fewer does not."""
    lines = [(100.0 + number, webhook_line(event, status)) for number in range(count)]

    assert len(counting.first_alerts(alert, lines, until=HOUR)) == 1
    assert counting.first_alerts(alert, lines[1:], until=HOUR) == {}


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


def with_hash(subscription: str) -> str:
    """A name with the hash of the filter in place of HASH."""
    filters = {f"two-{name}-HASH": each.get("filter", "") for name, each in SUBSCRIPTIONS.items()}
    hash_ = sha1(filters.get(subscription, "").encode(), usedforsecurity=False).hexdigest()[:8]
    return subscription.replace("HASH", hash_)


@pytest.mark.parametrize(
    ("subscription", "value", "fires"),
    [
        ("two-dead-letters", 1, True),
        ("two-dead-letters", 0, False),
        ("dead-letters", 1, False),
        ("two-events-to-bigquery", 3_601, True),
        ("two-events-to-archive", 3_601, True),
        ("two-events-to-archive", 1_801, False),
        ("events-to-archive", 3_601, False),
        ("two-run-searches-0eb15754", 1_801, True),
        ("two-run-searches-0eb15754", 1_800, False),
        ("run-searches-0eb15754", 1_801, False),
        ("two-reconcile-HASH", 1_801, True),
        ("two-canary-HASH", 1_801, False),
        ("two-rejected", 9_999, False),
    ],
)
def test_messages_of_this_deployment_that_wait_raise_an_alert(
    second: Monitoring, subscription: str, value: float, *, fires: bool
) -> None:
    """Each subscription has its limit. Of another deployment, or read once an hour, none does."""
    name = with_hash(subscription)
    series = gauge("oldest_unacked_message_age", name, value)

    fired = second.first_alerts("waiting", [], until=HOUR, others=[series])

    assert set(fired) == ({frozenset({("subscription_id", name)})} if fires else set())


# The functions that check the others


def check_lines(
    event: str,
    every: int,
    *,
    until: int,
    start: int = 10,
    service: str = "reconcile",
    **fields: Any,
) -> list[tuple[float, Entry]]:
    """The same line at regular times, in seconds."""
    line = {"severity": "ERROR", "message": "", "event": event, **fields}
    return [(float(time), line_entry(line, service)) for time in range(start, until, every)]


def canary_lines(
    state: str, channel: str, *, until: int, start: int = 10
) -> list[tuple[float, Entry]]:
    """What the canary says of a channel every hour."""
    return check_lines(
        f"canary.{state}", HOUR, until=until, start=start, service="canary", channel=channel
    )


def test_a_dead_channel_raises_an_alert(monitoring: Monitoring) -> None:
    """One alert for each channel, at the first finding."""
    dead = canary_lines("dead", "webhook:main", start=HOUR, until=5 * HOUR)
    alive = canary_lines("alive", "stream:default", until=8 * HOUR)
    lines = sorted([*dead, *alive], key=lambda pair: pair[0])

    fired = monitoring.first_alerts("channel-dead", lines, until=8 * HOUR)

    assert fired == {frozenset({("channel", "webhook:main")}): HOUR}


@pytest.mark.parametrize("state", ["alive", "absent", "paused", "unknown"])
def test_only_a_dead_channel_raises_the_alert(monitoring: Monitoring, state: str) -> None:
    """A quiet stream is alive; a paused or missing channel is not dead."""
    lines = canary_lines(state, "stream:default", until=DAY)

    for alert in ("channel-dead", "checks-failing"):
        assert monitoring.first_alerts(alert, lines, until=DAY) == {}


def test_a_forgotten_pause_raises_an_alert(counting: Monitoring) -> None:
    """Six hours after the last report that the channel is not paused; of each channel."""
    before = canary_lines("alive", "stream:default", until=3 * HOUR)
    forgotten = canary_lines("paused", "stream:default", start=3 * HOUR + 10, until=DAY)
    other = canary_lines("alive", "webhook:main", until=DAY)
    lines = sorted([*before, *forgotten, *other], key=lambda pair: pair[0])

    fired = counting.first_alerts("paused-long", lines, until=DAY)

    assert 8 * HOUR <= fired.pop(frozenset({("channel", "stream:default")})) <= 9 * HOUR
    assert fired == {}


def test_a_short_pause_raises_no_alert(counting: Monitoring) -> None:
    """The channel is resumed within the time."""
    before = canary_lines("alive", "webhook:main", until=3 * HOUR)
    paused = canary_lines("paused", "webhook:main", start=3 * HOUR + 10, until=8 * HOUR)
    after = canary_lines("alive", "webhook:main", start=8 * HOUR + 10, until=DAY)

    assert counting.first_alerts("paused-long", [*before, *paused, *after], until=DAY) == {}


def test_a_check_that_fails_three_times_raises_an_alert(counting: Monitoring) -> None:
    """Of each function by its own schedule."""
    failed = check_lines("reconcile.failed", 5 * MINUTE, until=HOUR)
    blind = check_lines("canary.failed", HOUR, until=5 * HOUR, service="canary")
    lines = sorted([*failed, *blind], key=lambda pair: pair[0])

    fired = counting.first_alerts("checks-failing", lines, until=5 * HOUR)

    assert 10 * MINUTE <= fired.pop(frozenset({("function", "reconcile")})) <= 15 * MINUTE
    assert 2 * HOUR <= fired.pop(frozenset({("function", "canary")})) <= 2 * HOUR + MINUTE
    assert fired == {}


def test_checks_that_fail_now_and_then_raise_no_alert(counting: Monitoring) -> None:
    """One success in between is enough."""
    failed = check_lines("reconcile.failed", 5 * MINUTE, until=DAY)
    done = check_lines("reconcile.done", 15 * MINUTE, start=20, until=DAY, repaired=0)
    lines = sorted([*failed, *done], key=lambda pair: pair[0])

    assert counting.first_alerts("checks-failing", lines, until=DAY) == {}


@pytest.mark.parametrize(("number", "fires"), [(3, False), (4, True)])
def test_many_events_that_never_came_raise_an_alert(
    counting: Monitoring, number: int, *, fires: bool
) -> None:
    """Four runs in an hour that repaired something; a run is counted once, and only if it did."""
    repaired = check_lines("reconcile.done", 5 * MINUTE, until=5 * MINUTE * number, repaired=7)
    idle = check_lines(
        "reconcile.done", 5 * MINUTE, start=5 * MINUTE * number, until=HOUR, repaired=0
    )

    assert bool(counting.first_alerts("repairs", [*repaired, *idle], until=HOUR)) == fires


# Every alert and chart


def test_a_deployment_without_copies_has_no_alert_on_them(
    counting: Monitoring, second: Monitoring
) -> None:
    """Nor any other with copies: one policy for all streams, and one for all subscriptions."""
    assert second.policies.keys() == counting.policies.keys()
    assert "archive" not in counting.policies["waiting"].query
    assert "two-events-to-archive" in second.policies["waiting"].query


def test_nothing_is_alerted_only_at_the_level_all_but_wrong_signatures(
    monitoring: Monitoring, counting: Monitoring
) -> None:
    """A secret that is wrong is a dead channel too, which the canary finds."""
    assert len(counting.policies) == 14
    assert counting.policies.keys() - monitoring.policies.keys() == {"webhook-refused"}
    assert monitoring.policies.keys() <= counting.policies.keys()


def test_google_charges_for_two_metrics(monitoring: Monitoring) -> None:
    """A metric of a query is charged, and each point that it returns; a line is not."""
    queries = [
        condition.query
        for policy in monitoring.policies.values()
        for condition in policy.conditions
    ]
    metrics = re.findall(r"(\w+_googleapis_com:\w+)\{", " ".join(queries))

    assert metrics == [
        "logging_googleapis_com:user_videovector_windows",
        "pubsub_googleapis_com:subscription_oldest_unacked_message_age",
    ]


def test_a_line_raises_an_alert_again_after_a_time(monitoring: Monitoring) -> None:
    """Google accepts 5 minutes to 2 days; alerts that were counts are raised once a day."""
    lines = {name: each for name, each in monitoring.policies.items() if each.line}

    assert all(HOUR <= each.pause_seconds <= DAY for each in lines.values())
    assert {name for name, each in lines.items() if each.pause_seconds == DAY} == {
        "rejected",
        "paused-long",
        "checks-failing",
        "repairs",
    }


def test_an_alert_names_what_it_is_about(monitoring: Monitoring, counting: Monitoring) -> None:
    """Stream, subscription, function, channel or code are variables of its text."""
    subjects = {
        name: re.findall(r"This alert: (.*)\.\n", each.text)
        for name, each in (*monitoring.policies.items(), *counting.policies.items())
    }
    unnamed = {name for name, each in subjects.items() if not each}

    assert subjects["waiting"] == ["subscription_id ${metric_or_resource.label.subscription_id}"]
    assert subjects["not-drained"] == ["stream ${metric_or_resource.label.stream}"]
    assert unnamed == {"repairs", "webhook-refused", "webhook-unavailable"}
    for name, policy in monitoring.policies.items():
        for label in policy.line.labels if policy.line else ():
            assert f"{label} ${{log.extracted_label.{label}}}" in policy.text, name


def test_no_query_looks_back_further_than_cloud_monitoring_allows(second: Monitoring) -> None:
    """25 hours of a log-based metric, with the duration of the condition.

    https://cloud.google.com/monitoring/alerts/concepts-indepth
    """
    units = {"s": 1, "m": MINUTE, "h": HOUR}
    for name, policy in second.policies.items():
        for condition in policy.conditions:
            ranges = re.findall(r"\[(\d+)([smh])\]", condition.query)
            longest = max((int(number) * units[unit] for number, unit in ranges), default=0)

            assert longest + condition.seconds <= 25 * HOUR, name


def test_each_alert_states_what_happened_the_first_action_and_its_runbook(
    monitoring: Monitoring, second: Monitoring
) -> None:
    """The runbook is a section of docs/operating.md."""
    anchors = find_anchors(OPERATING)
    for policy in (*monitoring.policies.values(), *second.policies.values()):
        what, action, runbook = policy.text.split("\n\n")
        section = re.fullmatch(r'\*\*Runbook\.\*\* docs/operating\.md, section "(.+)"\.', runbook)

        assert len(what) > 40
        assert action.startswith("**First action.** ")
        assert section is not None
        assert section[1].lower().replace(" ", "-") in anchors, section[1]
        assert len(policy.text) < 8_192


def test_the_alert_on_waiting_messages_names_the_commands_that_redrive(second: Monitoring) -> None:
    """For this deployment; and the section that leads to the one on dead letters."""
    text = second.policies["waiting"].text
    options = "--project=test-project --prefix=two-"

    assert 'section "Messages wait"' in text
    assert "(#redrive-dead-letters)" in OPERATING.read_text("utf-8").split("### Messages wait\n")[1]
    assert f"videovector-bridge dead-letters list {options}`" in text
    assert f"videovector-bridge dead-letters redrive --all {options}`" in text


def test_the_commands_in_alerts_exist(second: Monitoring) -> None:
    """Each is a command of `videovector-bridge`, with its subcommands."""
    texts = " ".join(policy.text for policy in second.policies.values())
    commands = {
        tuple(each.split()) for each in re.findall(r"`videovector-bridge ([a-z -]*[a-z])", texts)
    }

    assert len(commands) >= 6
    for command in commands:
        words = [word for word in command if not word.startswith("-")]

        assert run_command(*words[:2], "--help").status == 0, command


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
