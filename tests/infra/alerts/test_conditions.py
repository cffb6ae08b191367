"""The conditions of alerts, each of which may cost, are those of the cost planner."""

from tests.infra.alerts.conftest import FILE
from tests.infra.conftest import Runs
from videovector_bridge.cli.cost.measured import read_measured


def test_a_deployment_has_the_conditions_that_the_planner_counts(runs: Runs) -> None:
    """One stream, no copies; each condition is evaluated as often as planned."""
    planned = read_measured().alerts
    conditions = [
        condition["condition_prometheus_query_language"][0]
        for change in runs(FILE)["default"].changes
        if change["type"] == "google_monitoring_alert_policy"
        for condition in change["change"]["after"]["conditions"]
    ]

    assert len(conditions) == planned["conditions"]
    assert {each["evaluation_interval"] for each in conditions} == {
        f"{planned['evaluate_seconds']}s"
    }
