"""Every log line of the functions and of Google Cloud about them: what counts it, what it raises.

The lines are recorded by running the functions; filters and extractors are those of the plan.
"""

import re
from collections.abc import Iterator, Mapping
from typing import get_args

import pytest

from infra.standin import StandIn, StandInConfig
from tests.support.deployed_function import deploying
from tests.support.log_entries import line_entry, text_entry
from tests.support.logging_filter import Entry
from tests.support.monitoring import Monitoring
from tests.support.outcomes_in_code import (
    find_events,
    find_refusals,
    find_stop_reasons,
    find_webhook_outcomes,
)
from tests.support.recorded_checks import record_reconcile
from tests.support.recorded_lines import (
    Line,
    labels_of,
    record_canary,
    record_deliveries,
    record_effects,
    record_library,
    record_windows,
)
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.backends import BackendSettings
from videovector_bridge.errors import Owner
from videovector_bridge.ingest.outcome import Outcome
from videovector_bridge.watch.canary.report import State

Counts = Mapping[str, Mapping[str, str]]
"""The labels under which each metric counts an entry, by the metric's key."""

# Lines of Cloud Run and of gunicorn: https://cloud.google.com/run/docs/troubleshooting
DEATHS = (
    "Memory limit of 512 MiB exceeded with 524 MiB used. Consider increasing the memory limit.",
    "Uncaught signal: 6, pid=14, tid=14, fault_addr=0.",
    "Container terminated on signal 9.",
    "Container called exit(1).",
    "[2026-11-27 03:06:58 +0000] [1] [ERROR] Worker (pid:4) was sent SIGKILL!",
)
# Runs of the functions that check the others, by their outcomes.
CHECKS = {
    "reconcile": ("done", "failed"),
    "canary": ("alive", "dead", "absent", "paused", "unknown", "failed"),
}
HARMLESS = (
    "Starting new instance. Reason: AUTOSCALING - Instance started due to traffic.",
    'Default STARTUP TCP probe succeeded after 1 attempt for container "worker" on port 8080.',
    "Container called exit(0).",
    "Container terminated on signal 15.",
    "The request was aborted because there was no available instance.",
)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Line]]:
    """The lines of every outcome."""
    folder = tmp_path_factory.mktemp("lines")
    settings = BackendSettings("embedded", "", str(folder / "bridge"), "")
    config = StandInConfig(videos=1, playground_videos=0)
    with pytest.MonkeyPatch.context() as monkeypatch, StandIn(config) as standin:
        deploy = next(deploying(standin, settings, monkeypatch, folder))
        yield [
            *record_windows(folder),
            *record_deliveries(settings, folder),
            *record_effects(deploy),
            *record_canary(folder),
            *record_reconcile(folder),
            *record_library(),
        ]


def function_of(line: Line) -> str:
    """Return the first word of a line's event."""
    return str(line["event"].partition(".")[0])


def service_of(line: Line) -> str:
    """Return the function that wrote a line."""
    word = function_of(line)
    services = {"webhook": "receive-webhook"} | {name: name for name in ("drain", *CHECKS)}
    return services.get(word, "upsert-markers")


def expected_counts(line: Line) -> Counts:
    """Return what should count a line."""
    name = line["event"].partition(".")[2]
    counts: dict[str, Mapping[str, str]] = {}
    if line["event"] == "drain.window_closed":
        counts["windows"] = labels_of(line, "outcome", "stop_reason", "stream")
        if line["lag_seconds"] is not None:
            counts["cursor_age"] = labels_of(line, "stream")
    if line["event"].startswith("webhook.") and "status" in line:
        counts["deliveries"] = labels_of(line, "event", "status")
    if name == "rejected":
        counts["rejected"] = labels_of(line, "action", "code", "reason")
    if name in CHECKS.get(function_of(line), ()):
        outcome = {"function": function_of(line), "outcome": name}
        counts["checks"] = {**outcome, "channel": line.get("channel", "")}
        if line.get("repaired"):
            counts["repairs"] = {}
    return counts


# The alert that a line raises by itself, by its event or stop reason, and the label that names what
# it is about.
RAISED = (
    (r"credential_refused|scope_refused", "credential-refused", "stream"),
    (r"cursor_refused|filters_changed|host_changed", "cursor-refused", "stream"),
    (r"\w+[.]rejected", "rejected", "code"),
    (r"\w+[.](settings_wrong|crashed)", "faults", "event"),
    (r"(reconcile|canary)[.]failed", "checks-failing", "event"),
    (r"canary[.]dead", "channel-dead", "channel"),
    (r"canary[.]paused", "paused-long", "channel"),
)
# Deliveries that get 503 for reasons that need no action, or that are faults.
EXPECTED_503 = {"rotating", "paused", "slow_body", "settings_wrong", "crashed"}


def expected_alerts(line: Line) -> Counts:
    """Return the alerts that a line raises by itself, with the labels of each."""
    function, _, name = line["event"].partition(".")
    keys = [line["event"]] + ([line["stop_reason"]] if name == "window_closed" else [])
    alerts = {
        alert: labels_of(line, label)
        for pattern, alert, label in RAISED
        if any(re.fullmatch(pattern, key) for key in keys)
    }
    if name == "window_closed" and (line["lag_seconds"] or 0) >= 900:
        alerts["cursor-age"] = labels_of(line, "stream")
    if function == "webhook" and line.get("status") == 503 and name not in EXPECTED_503:
        alerts["webhook-unavailable"] = labels_of(line, "event")
    if function == "reconcile" and line.get("repaired"):
        alerts["repairs"] = labels_of(line, "event")
    return alerts


def test_each_line_is_counted_by_the_right_metrics(
    monitoring: Monitoring, lines: list[Line]
) -> None:
    """With the labels that alerts and charts use, and by no other metric."""
    for line in lines:
        assert monitoring.count(line_entry(line, service_of(line))) == expected_counts(line), line


def test_each_line_raises_the_right_alerts(
    monitoring: Monitoring, counting: Monitoring, lines: list[Line]
) -> None:
    """With the labels that name what they are about; a count takes the place of some of them."""
    counted = {"cursor-age", "rejected", "webhook-unavailable", "checks-failing", "paused-long"}
    raised: set[str] = set()
    for line in lines:
        expected = expected_alerts(line)
        entry = line_entry(line, service_of(line))
        raised |= expected.keys()

        assert monitoring.raised(entry) == expected, line
        assert set(counting.raised(entry)) == expected.keys() - counted - {"repairs"}, line
    by_line = {name for name, each in monitoring.policies.items() if each.line}
    assert raised == by_line - {"instances-crash", "cursor-age"}


def test_a_late_event_raises_an_alert(monitoring: Monitoring, lines: list[Line]) -> None:
    """At the threshold, in one window."""
    (line,) = [each for each in lines if each.get("stop_reason") == "max_events"][:1]

    for seconds, alerts in ((899.9, set()), (900, {"cursor-age"})):
        late = {**line, "lag_seconds": seconds}
        assert expected_alerts(late).keys() == alerts
        assert monitoring.raised(line_entry(late, "drain")) == expected_alerts(late)


def test_every_outcome_in_the_code_is_recorded(lines: list[Line]) -> None:
    """A new stop reason, status, reason or event needs a line here, and perhaps a metric."""
    windows = [line for line in lines if line["event"] == "drain.window_closed"]
    deliveries = [line for line in lines if "deliveries" in expected_counts(line)]
    events = {line["event"] for line in lines}
    # Lines with the name of an action or an outcome are recorded for each; one of a refused effect
    # is not written.
    computed = {event for event in find_events() if "*" in event}

    assert {line["stop_reason"] for line in windows} == find_stop_reasons()
    assert {line["outcome"] for line in windows} == set(get_args(Outcome))
    assert {
        (line["status"], line["event"].removeprefix("webhook."))
        for line in deliveries
        if line["event"] != "webhook.refused"
    } == find_webhook_outcomes()
    assert {
        (line["status"], line["code"]) for line in deliveries if line["event"] == "webhook.refused"
    } == {(status, code) for status, code in find_refusals() if status != 503}
    assert find_events() - computed <= events
    assert computed == {
        "*.*",
        "*.crashed",
        "*.not_addressed",
        "*.rejected",
        "*.retry",
        "*.settings_wrong",
        "canary.*",
        "webhook.*",
    }
    for action in ACTIONS:
        assert {f"{action}.{name}" for name in ("crashed", "retry", "settings_wrong")} <= events
    assert {"upsert_marker.done", "upsert_marker.done_before", "upsert_marker.rejected"} <= events
    assert {f"canary.{state}" for state in get_args(State)} <= events
    owners = {line["reason"] for line in lines if line["event"].endswith(".rejected")}
    assert owners == set(get_args(Owner))


@pytest.mark.parametrize("text", DEATHS)
def test_the_death_of_a_process_raises_an_alert(monitoring: Monitoring, text: str) -> None:
    """A dead process logs nothing of ours; the platform's line is enough."""
    entry = text_entry(text, "receive-webhook")

    assert monitoring.raised(entry) == {"instances-crash": {"service_name": "receive-webhook"}}


@pytest.mark.parametrize("text", HARMLESS)
def test_a_harmless_line_of_the_platform_raises_no_alert(monitoring: Monitoring, text: str) -> None:
    """Starts, ends and refused requests are no crash; Pub/Sub repeats a refused push."""
    assert monitoring.count(text_entry(text, "receive-webhook")) == {}
    assert monitoring.raised(text_entry(text, "upsert-markers")) == {}


def test_a_delivery_without_an_instance_raises_an_alert(monitoring: Monitoring) -> None:
    """The receiver logs nothing about it."""
    entry = text_entry(HARMLESS[-1], "receive-webhook")

    assert set(monitoring.raised(entry)) == {"webhook-unavailable"}


def others(line: Line) -> Iterator[Entry]:
    """Yield a line as another deployment's, other services', or another region's function."""
    service = service_of(line)
    yield line_entry(line, f"two-{service}")
    yield line_entry(line, f"{service}-2")
    yield line_entry(line, "other")
    yield line_entry(line, service, "europe-west1")
    yield {**line_entry(line, service), "resource": {"type": "gce_instance", "labels": {}}}


def test_lines_of_another_deployment_are_not_counted(
    monitoring: Monitoring, second: Monitoring, lines: list[Line]
) -> None:
    """Two bridges in a project, one of them without a prefix, do not count each other's lines."""
    for line in lines:
        for entry in others(line):
            assert monitoring.count(entry) == monitoring.raised(entry) == {}, entry
        service = service_of(line)
        assert second.count(line_entry(line, service)) == {}
        assert set(second.count(line_entry(line, f"two-{service}"))) == set(expected_counts(line))
    for text in DEATHS:
        assert monitoring.raised(text_entry(text, "two-drain")) == {}


def test_metrics_of_two_deployments_have_different_names(
    monitoring: Monitoring, second: Monitoring
) -> None:
    """In PromQL, too, where a hyphen is an underscore."""

    def names(each: Monitoring) -> set[str]:
        return {metric.name.replace("-", "_") for metric in each.metrics.values()}

    assert len(names(monitoring)) == len(names(second)) == len(monitoring.metrics)
    assert names(monitoring).isdisjoint(names(second))
