"""Planned metrics and alerts, fed with log entries: what each counts, and when an alert fires."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Self

from tests.support.logging_filter import Entry, extract, matches
from tests.support.promql import Labels, Series, evaluate

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
class Condition:
    """A query that must have a value for `seconds` without a break, evaluated `every` seconds."""

    query: str
    seconds: float
    every: int


@dataclass(frozen=True, slots=True)
class Policy:
    """An alert: its conditions, or the filter and the labels of the line that raises it.

    `pause_seconds` is the shortest time between two notifications about a line.
    """

    conditions: tuple[Condition, ...]
    line: Metric | None
    pause_seconds: float
    title: str
    text: str

    @property
    def query(self) -> str:
        """The query of the only condition."""
        (condition,) = self.conditions
        return condition.query


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
                policies[change["index"]] = _parse_policy(planned)
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
        policy = self.policies[alert]
        if policy.line:
            fired: dict[Labels, float] = {}
            for time, entry in entries:
                labels = policy.line.count(entry)
                if labels is not None and time <= until:
                    fired.setdefault(frozenset(labels.items()), time)
            return fired
        series = [*self.series(entries), *others]
        times = [_first_times(each, series, until) for each in policy.conditions]
        # The earliest of each incident, should two conditions have the same.
        every = sorted(
            chain.from_iterable(each.items() for each in times), key=lambda item: -item[1]
        )
        return dict(every)

    def raised(self, entry: Entry) -> dict[str, Mapping[str, str]]:
        """Return the labels of the alerts that one line raises, by the alert's key."""
        labels = {key: each.line.count(entry) for key, each in self.policies.items() if each.line}
        return {key: each for key, each in labels.items() if each is not None}

    def series(self, entries: Iterable[tuple[float, Entry]]) -> list[Series]:
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


def _parse_policy(planned: Mapping[str, Any]) -> Policy:
    """Return a planned policy."""
    conditions, line = [], None
    for each in planned["conditions"]:
        for query in each["condition_prometheus_query_language"]:
            seconds, every = (
                query[name].removesuffix("s") for name in ("duration", "evaluation_interval")
            )
            conditions.append(Condition(query["query"], float(seconds), int(every)))
        for match in each["condition_matched_log"]:
            line = Metric("", match["filter"], match["label_extractors"] or {}, "")
    (strategy,) = planned["alert_strategy"]
    pauses = [
        float(each["period"].removesuffix("s")) for each in strategy["notification_rate_limit"]
    ]
    return Policy(
        tuple(conditions),
        line,
        pauses[0] if pauses else 0.0,
        planned["conditions"][0]["display_name"],
        planned["documentation"][0]["content"],
    )


def _first_times(
    condition: Condition, series: Sequence[Series], until: float
) -> dict[Labels, float]:
    """Return when a condition is met for the first time, by the labels of its incident."""
    since: dict[Labels, float] = {}
    fired: dict[Labels, float] = {}
    for now in range(0, int(until) + 1, condition.every):
        vector = evaluate(condition.query, series, now)
        since = {labels: since.get(labels, now) for labels in vector}
        for labels, start in since.items():
            if now - start >= condition.seconds:
                fired.setdefault(labels, now)
    return fired
