"""The metrics in the queries of alerts, which may cost, are those of the cost planner."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.infra.alerts.conftest import FILE
from tests.infra.conftest import Runs
from videovector_bridge.cli.cost.measured import read_measured

_METRIC = re.compile(r"[a-z_]+_googleapis_com:")
_CONSTANT = "label_replace(vector("
_MONTH_SECONDS = 30 * 86_400


def conditions(runs: Runs, run: str) -> Iterator[Mapping[str, Any]]:
    """Yield the conditions with a query, of one stream and without copies."""
    for change in runs(FILE)[run].changes:
        if change["type"] == "google_monitoring_alert_policy":
            for condition in change["change"]["after"]["conditions"]:
                yield from condition.get("condition_prometheus_query_language") or []


@pytest.mark.parametrize(("run", "level"), [("default", "essential"), ("counting", "all")])
def test_queries_have_the_metrics_that_the_planner_counts(runs: Runs, run: str, level: str) -> None:
    """Google's price is for each metric in a query."""
    metrics = [name for each in conditions(runs, run) for name in _METRIC.findall(each["query"])]

    assert len(metrics) == read_measured().alerts[f"{level}_metrics"]


def test_essential_queries_return_the_points_that_the_planner_counts(runs: Runs) -> None:
    """One for each constant that a metric is compared with, at each evaluation."""
    points = sum(
        each["query"].count(_CONSTANT)
        * _MONTH_SECONDS
        / int(each["evaluation_interval"].removesuffix("s"))
        for each in conditions(runs, "default")
    )

    assert points == read_measured().alerts["essential_points"]
