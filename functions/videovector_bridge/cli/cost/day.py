"""One kind of day of a deployment: its windows, messages, deliveries, and runs of the checks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from videovector_bridge.cli.cost.arrivals import DAY, Day, make_days
from videovector_bridge.cli.cost.instances import Instances, Service, simulate_instances
from videovector_bridge.cli.cost.part import Inputs
from videovector_bridge.cli.cost.windows import Windows, WindowTiming, simulate_windows

LIVE_SECONDS: Final = 60
"""The schedule of the profile `live`."""

_DRAIN: Final = "drain"
_RECEIVER: Final = "receive-webhook"


@dataclass(frozen=True, slots=True)
class SimulatedDay:
    """A kind of day, of which a month has `days`.

    `windows` are those of one stream; all streams have the same. `events` are all events, of
    which `delivered` arrive by webhook. `effects` are the messages with an effect.
    """

    days: float
    windows: Windows
    events: float
    delivered: float
    effects: Instances
    effect_seconds: Mapping[int, float]
    receiver: Instances
    delivery_seconds: Mapping[int, float]


def simulate_days(inputs: Inputs) -> tuple[SimulatedDay, ...]:
    """Return each kind of day of the workload's pattern."""
    workload, streams = inputs.workload, inputs.operation.streams
    by_stream = workload.events_a_month * (1 - workload.webhook_share) / streams
    by_webhook = workload.events_a_month * workload.webhook_share
    return tuple(
        _simulate_day(inputs, day, deliveries)
        for day, deliveries in zip(
            make_days(workload.pattern, by_stream),
            make_days(workload.pattern, by_webhook),
            strict=True,
        )
    )


def _simulate_day(inputs: Inputs, day: Day, deliveries: Day) -> SimulatedDay:
    workload, measured = inputs.workload, inputs.measured
    sizes = inputs.deployment.sizes
    streams = inputs.operation.streams
    windows = simulate_windows(day.arrivals, make_timing(inputs))
    delivered = {second: float(n) for second, n in enumerate(deliveries.arrivals) if n}
    published = dict(delivered)
    for second, events in windows.published.items():
        published[second] = published.get(second, 0.0) + events * streams
    effect_seconds = _thin(published, workload.matched_share)
    action = measured.actions[workload.action]
    calls = action.api_calls * workload.api_seconds
    documents = (action.reads + action.writes) * measured.firestore["seconds"]
    return SimulatedDay(
        days=day.days,
        windows=windows,
        events=sum(published.values()),
        delivered=sum(delivered.values()),
        effects=simulate_instances(
            effect_seconds,
            _make_service(inputs, calls + documents, action.cpu_ms),
            sizes[inputs.deployment.actions[workload.action]],
        ),
        effect_seconds=effect_seconds,
        receiver=simulate_instances(
            delivered,
            _make_service(inputs, measured.webhook["seconds"], measured.webhook["cpu_ms"]),
            sizes[_RECEIVER],
        ),
        delivery_seconds=delivered,
    )


def make_timing(inputs: Inputs) -> WindowTiming:
    """Return the timing of the windows of a stream."""
    operation, drain = inputs.operation, inputs.measured.drain
    cpu = min(inputs.deployment.sizes[_DRAIN].cpu, 1.0)
    flush = min(drain["flush_seconds"], drain["flush_share"] * operation.window_seconds)
    live, is_live = inputs.measured.live, operation.profile == "live"
    return WindowTiming(
        every=LIVE_SECONDS if is_live else operation.every_seconds,
        limit=LIVE_SECONDS if is_live else operation.window_seconds - flush,
        idle=math.inf if is_live else operation.idle_seconds,
        start=live["handover_seconds"] if is_live else drain["start_seconds"],
        end=drain["end_seconds"],
        publish=drain["publish_seconds"],
        rate=cpu / drain["cpu_us"] * 1e6,
        lease=inputs.deployment.window.lease_seconds,
        linger=inputs.deployment.window.linger_ms / 1_000,
        lanes=operation.lanes,
        batch_events=int(drain["batch_events"]),
        instance_idle=drain["instance_idle_seconds"],
        cold_start=drain["start_cpu_seconds"] / cpu,
        overlap=live["overlap_seconds"] if is_live else 0.0,
    )


def count_intervals(seconds: Mapping[int, float], length: float) -> int:
    """Return how many intervals of this length (s) of the day have a request."""
    return len({int(second // length) for second in seconds})


def count_runs(every_seconds: float) -> float:
    """Return the runs a day of a function with a schedule."""
    return DAY / every_seconds


def _make_service(inputs: Inputs, waiting: float, cpu_ms: float) -> Service:
    drain = inputs.measured.drain
    return Service(
        waiting, cpu_ms / 1_000, drain["start_cpu_seconds"], drain["instance_idle_seconds"]
    )


def _thin(events: Mapping[int, float], share: float) -> dict[int, float]:
    """Return whole numbers of events of each second, `share` of all."""
    thinned: dict[int, float] = {}
    rest = 0.5  # so that the sum is rounded
    for second in sorted(events):
        rest += events[second] * share
        if whole := math.floor(rest + 1e-9):
            thinned[second] = float(whole)
            rest -= whole
    return thinned
