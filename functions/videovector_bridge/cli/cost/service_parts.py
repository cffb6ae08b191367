"""The services' parts of the bill: Pub/Sub, archive, schedules, logs, alerts and secrets."""

from collections.abc import Mapping, Sequence
from typing import Final

from videovector_bridge.cli.cost.day import (
    SimulatedDay,
    count_intervals,
    count_runs,
)
from videovector_bridge.cli.cost.part import Inputs, Part, round_count
from videovector_bridge.cli.cost.workload import DAYS_A_MONTH

MIN_REQUEST_BYTES: Final = 1_000
"""Pub/Sub counts at least so many bytes for a request, whatever it carries."""

_GIB: Final = 2**30
_DAY: Final = 86_400
_DRAIN: Final = "drain"
_RECONCILE: Final = "reconcile"
_CANARY: Final = "canary"
_ARCHIVE_FILES: Final = 288  # a day: one every 5 minutes


def list_service_parts(inputs: Inputs, days: Sequence[SimulatedDay]) -> list[Part]:
    """Return a part for each service that all functions share."""
    return [
        _published(inputs, days),
        _delivered(inputs, days),
        _filtered(inputs, days),
        _retained(inputs, days),
        *([_archived(inputs, days)] if inputs.operation.archive_days else []),
        _scheduler(inputs),
        _logs(inputs, days),
        _alerts(inputs),
        _secrets(inputs, days),
    ]


def _published(inputs: Inputs, days: Sequence[SimulatedDay]) -> Part:
    size = inputs.message_bytes
    daily = []
    requests = 0.0
    for day in days:
        batches = day.windows.requests * inputs.operation.streams
        drained = max((day.events - day.delivered) * size, batches * MIN_REQUEST_BYTES)
        received = day.delivered * max(size, MIN_REQUEST_BYTES)
        daily.append({"pubsub.throughput": (drained + received) / _GIB})
        requests += day.days * (batches + day.delivered)
    detail = f"{_count_events(days)} messages, {round_count(requests)} requests"
    return Part("publishing", detail, tuple(daily))


def _delivered(inputs: Inputs, days: Sequence[SimulatedDay]) -> Part:
    size = inputs.message_bytes
    share = inputs.measured.event["reconciled_share"]
    daily = tuple(
        {
            # A push request has one message, a pull many.
            "pubsub.throughput": (
                day.effects.requests * max(size, MIN_REQUEST_BYTES) + day.events * share * size
            )
            / _GIB
        }
        for day in days
    )
    count = sum(day.days * (day.effects.requests + day.events * share) for day in days)
    return Part("delivering", f"{round_count(count)} messages", daily)


def _filtered(inputs: Inputs, days: Sequence[SimulatedDay]) -> Part:
    """Messages that a filter excludes; Pub/Sub charges for them as for delivered ones.

    https://cloud.google.com/pubsub/docs/subscription-message-filter
    """
    # Only the action of the workload has automations: other actions have no subscription.
    subscriptions = 1 + inputs.deployment.pulled
    passed = inputs.measured.event["reconciled_share"]
    counts = [
        max(0.0, day.events * (subscriptions - passed) - day.effects.requests) for day in days
    ]
    daily = tuple({"pubsub.throughput": count * inputs.message_bytes / _GIB} for count in counts)
    total = sum(day.days * count for day, count in zip(days, counts, strict=True))
    detail = f"{round_count(total)} messages, {subscriptions} subscriptions"
    return Part("filtering", detail, daily)


def _retained(inputs: Inputs, days: Sequence[SimulatedDay]) -> Part:
    kept = inputs.deployment.retention_seconds / _DAY
    stored = _event_gib(inputs, days) * kept / DAYS_A_MONTH
    return Part("retention", f"topic events, {kept:g} days", (), {"pubsub.retention": stored})


def _archived(inputs: Inputs, days: Sequence[SimulatedDay]) -> Part:
    kept = inputs.operation.archive_days
    exported = _event_gib(inputs, days)
    files = DAYS_A_MONTH * _ARCHIVE_FILES
    return Part(
        "archive",
        f"{_count_events(days)} messages, kept {kept} days",
        (),
        {
            "pubsub.export": exported,
            "storage.bytes": exported * kept / DAYS_A_MONTH,
            "storage.writes": files if exported else 0.0,
        },
    )


def _scheduler(inputs: Inputs) -> Part:
    live = inputs.operation.profile == "live"
    jobs = inputs.operation.streams * (2 if live else 1) + len(_other_schedules(inputs))
    return Part("schedules", f"{jobs} jobs", (), {"scheduler.jobs": float(jobs)})


def _logs(inputs: Inputs, days: Sequence[SimulatedDay]) -> Part:
    numbers, every = inputs.measured.logs, inputs.deployment.every_seconds
    called = numbers["envelope"] + numbers["request"]
    scheduled = called + numbers["schedule"]
    checks = sum(
        count_runs(every[name]) * (numbers[name] + scheduled) for name in _other_schedules(inputs)
    )
    daily = []
    for day in days:
        windows = day.windows.windows * inputs.operation.streams
        size = (
            checks
            + windows * (numbers["window"] + scheduled)
            + day.effects.requests * (numbers["message"] + called)
            + day.delivered * (numbers["delivery"] + called)
        )
        daily.append({"logging.bytes": size / _GIB})
    total = sum(day.days * each["logging.bytes"] for day, each in zip(days, daily, strict=True))
    return Part("logs", f"{total:.2f} GiB", tuple(daily))


def _alerts(inputs: Inputs) -> Part:
    level, numbers = inputs.operation.alerts, inputs.measured.alerts
    metrics = numbers.get(f"{level}_metrics", 0.0)
    points = numbers.get(f"{level}_points", 0.0)
    return Part(
        "alerts",
        f"level {level}, {metrics:g} metrics",
        (),
        {"monitoring.metrics": metrics, "monitoring.points": points},
    )


def _secrets(inputs: Inputs, days: Sequence[SimulatedDay]) -> Part:
    """Versions, and reads of the mounted key, which Secret Manager counts as accesses."""
    numbers, every = inputs.measured.secrets, inputs.deployment.every_seconds
    checks = sum(count_runs(every[name]) for name in _other_schedules(inputs))
    trusted = numbers["trusted_seconds"]
    daily = tuple(
        {
            "secrets.accesses": checks
            + day.windows.windows * inputs.operation.streams
            + count_intervals(day.effect_seconds, trusted)
            + count_intervals(day.delivery_seconds, trusted)
        }
        for day in days
    )
    total = sum(day.days * each["secrets.accesses"] for day, each in zip(days, daily, strict=True))
    detail = f"{numbers['versions']:g} versions, {round_count(total)} reads"
    return Part("secrets", detail, daily, {"secrets.versions": float(numbers["versions"])})


def _other_schedules(inputs: Inputs) -> Mapping[str, float]:
    return {
        name: seconds
        for name, seconds in inputs.deployment.every_seconds.items()
        if name in (_RECONCILE, _CANARY)
    }


def _event_gib(inputs: Inputs, days: Sequence[SimulatedDay]) -> float:
    return sum(day.days * day.events for day in days) * inputs.message_bytes / _GIB


def _count_events(days: Sequence[SimulatedDay]) -> str:
    return round_count(sum(day.days * day.events for day in days))
