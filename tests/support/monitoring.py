"""Planned metrics and alerts, fed with log entries: what each counts, and when an alert fires."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from tests.support.logging_filter import Entry, extract, matches
from tests.support.promql import Labels, Series, evaluate

_EVALUATION_SECONDS: Final = 60
PROJECT: Final = "test-project"


@dataclass(frozen=True, slots=True)
class Metric:
    """A log-based metric. `value` extracts the value of a distribution; empty for a counter."""

    name: str
    filter: str
    labels: Mapping[str, str]
    value: str

    def count(self, entry: Entry) -> Mapping[str, str] | None:
        """Return the labels under which an entry is counted, or None."""
        if not matches(self.filter, entry):
            return None
        if self.value and not extract(self.value, entry):
            raise ValueError(f"{self.name} has no value for {entry}")
        return {label: extract(extractor, entry) for label, extractor in self.labels.items()}


@dataclass(frozen=True, slots=True)
class Policy:
    """An alert: its query must have a value for `seconds` without a break."""

    query: str
    seconds: float
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The metrics by their key, and the policies by theirs."""

    metrics: Mapping[str, Metric]
    policies: Mapping[str, Policy]

    @classmethod
    def of_plan(cls, changes: Iterable[Mapping[str, Any]]) -> Self:
        """Read the planned resources."""
        metrics, policies = {}, {}
        for change in changes:
            planned = change["change"]["after"]
            if change["type"] == "google_logging_metric":
                metrics[change.get("index", change["name"])] = Metric(
                    planned["name"],
                    planned["filter"],
                    planned["label_extractors"] or {},
                    planned["value_extractor"] or "",
                )
            if change["type"] == "google_monitoring_alert_policy":
                (condition,) = planned["conditions"]
                (query,) = condition["condition_prometheus_query_language"]
                policies[change["index"]] = Policy(
                    query["query"],
                    float(query["duration"].removesuffix("s")),
                    condition["display_name"],
                    planned["documentation"][0]["content"],
                )
        return cls(metrics, policies)

    def count(self, entry: Entry) -> dict[str, Mapping[str, str]]:
        """Return the labels under which each metric counts an entry, by the metric's key."""
        counts = {key: metric.count(entry) for key, metric in self.metrics.items()}
        return {key: labels for key, labels in counts.items() if labels is not None}

    def first_alerts(
        self,
        alert: str,
        entries: Iterable[tuple[float, Entry]],
        *,
        until: float,
        others: Sequence[Series] = (),
    ) -> dict[Labels, float]:
        """Return when an alert fires for the first time, in seconds, by the labels of its incident.

        `entries` are in order of time; `others` are series that do not come from logs.
        """
        series = [*self._series(entries), *others]
        policy = self.policies[alert]
        since: dict[Labels, float] = {}
        fired: dict[Labels, float] = {}
        for now in range(0, int(until) + 1, _EVALUATION_SECONDS):
            vector = evaluate(policy.query, series, now)
            since = {labels: since.get(labels, now) for labels in vector}
            for labels, start in since.items():
                if now - start >= policy.seconds:
                    fired.setdefault(labels, now)
        return fired

    def _series(self, entries: Iterable[tuple[float, Entry]]) -> list[Series]:
        """Return the series of the counters, with a point for each entry."""
        points: dict[tuple[str, Labels], list[tuple[float, float]]] = {}
        for time, entry in entries:
            for key, labels in self.count(entry).items():
                resource = entry["resource"]
                name = self.metrics[key].name.replace("-", "_")
                every = {**resource["labels"], "monitored_resource": resource["type"], **labels}
                metric = f"logging_googleapis_com:user_{name}"
                points.setdefault((metric, frozenset(every.items())), []).append((time, 1.0))
        return [Series(metric, dict(labels), each) for (metric, labels), each in points.items()]
