"""The functions' parts of the bill: instances, requests, and Firestore."""

from collections.abc import Sequence
from typing import Final

from videovector_bridge.cli.cost.day import SimulatedDay, count_intervals, count_runs
from videovector_bridge.cli.cost.deployed import Size
from videovector_bridge.cli.cost.part import Inputs, Part, round_count, use_instances

_DRAIN: Final = "drain"
_RECONCILE: Final = "reconcile"
_CANARY: Final = "canary"
_RECEIVER: Final = "receive-webhook"
_DAY: Final = 86_400


def list_function_parts(inputs: Inputs, days: Sequence[SimulatedDay]) -> list[Part]:
    """Return a part for each function that works."""
    return [
        _drain(inputs, days),
        _effects(inputs, days),
        _reconcile(inputs, days),
        _canary(inputs, days),
        _receiver(inputs, days),
    ]


def _drain(inputs: Inputs, days: Sequence[SimulatedDay]) -> Part:
    size = inputs.deployment.sizes[_DRAIN]
    streams, measured = inputs.operation.streams, inputs.measured
    daily = []
    for day in days:
        windows = day.windows
        cold = windows.cold_starts * measured.drain["start_cpu_seconds"]
        billed = windows.instance_seconds + cold / min(size.cpu, 1.0)
        reads = float(windows.windows)  # the document of the stream
        if inputs.operation.profile == "live":
            reads += _DAY / 60 * measured.live["reads_a_minute"]
        daily.append(
            use_instances(size, billed * streams, windows.windows * streams)
            | {"firestore.reads": reads * streams, "firestore.writes": windows.writes * streams}
        )
    count = sum(day.days * day.windows.windows for day in days) * streams
    seconds = sum(day.days * day.windows.instance_seconds for day in days) * streams
    return Part(
        "drain",
        f"{round_count(count)} windows, {_describe(size, seconds)}",
        tuple(daily),
    )


def _effects(inputs: Inputs, days: Sequence[SimulatedDay]) -> Part:
    function = inputs.deployment.actions[inputs.workload.action]
    size = inputs.deployment.sizes[function]
    action = inputs.measured.actions[inputs.workload.action]
    daily = tuple(
        use_instances(size, day.effects.instance_seconds, day.effects.requests)
        | {
            "firestore.reads": day.effects.requests * action.reads,
            "firestore.writes": day.effects.requests * action.writes,
            "firestore.ttl_deletes": day.effects.requests * action.one_time,
        }
        for day in days
    )
    count = sum(day.days * day.effects.requests for day in days)
    seconds = sum(day.days * day.effects.instance_seconds for day in days)
    detail = f"{round_count(count)} messages, {_describe(size, seconds)}"
    stored = count * (not action.one_time) * inputs.measured.firestore["record_bytes"]
    return Part(function, detail, daily, {"firestore.storage": stored / 2**30})


def _reconcile(inputs: Inputs, days: Sequence[SimulatedDay]) -> Part:
    size = inputs.deployment.sizes[_RECONCILE]
    measured, numbers = inputs.measured, inputs.measured.reconcile
    every = inputs.deployment.every_seconds[_RECONCILE]
    runs = count_runs(every)
    cpu_seconds = numbers["message_cpu_ms"] / 1_000 / min(size.cpu, 1.0)
    calls = numbers["message_reads"] + numbers["message_writes"] + numbers["message_deletes"]
    waiting = calls * measured.firestore["seconds"] / numbers["threads"]
    daily = []
    for day in days:
        messages = day.events * measured.event["reconciled_share"]
        open_work = messages * numbers["work_share"] / _DAY * inputs.workload.work_minutes * 60
        seconds = runs * numbers["seconds"] + messages * (cpu_seconds + waiting)
        seconds += _cold_start(inputs, size, every) * runs
        daily.append(
            use_instances(size, seconds, runs)
            | {
                "firestore.reads": runs * (numbers["reads"] + open_work)
                + messages * numbers["message_reads"],
                "firestore.writes": runs * numbers["writes"] + messages * numbers["message_writes"],
                "firestore.deletes": messages * numbers["message_deletes"],
                "firestore.ttl_deletes": messages * numbers["message_ttl_deletes"],
            }
        )
    total = sum(day.days * day.events for day in days) * measured.event["reconciled_share"]
    count = sum(day.days for day in days) * runs
    return Part(
        "reconcile", f"{round_count(count)} runs, {round_count(total)} messages", tuple(daily)
    )


def _canary(inputs: Inputs, days: Sequence[SimulatedDay]) -> Part:
    size, numbers = inputs.deployment.sizes[_CANARY], inputs.measured.canary
    every = inputs.deployment.every_seconds[_CANARY]
    runs = count_runs(every)
    seconds = runs * (numbers["seconds"] + _cold_start(inputs, size, every))
    quantities = use_instances(size, seconds, runs) | {
        "firestore.reads": runs * numbers["reads"],
        "firestore.writes": runs * numbers["writes"],
    }
    count = sum(day.days for day in days) * runs
    return Part("canary", f"{round_count(count)} runs", tuple(quantities for _ in days))


def _receiver(inputs: Inputs, days: Sequence[SimulatedDay]) -> Part:
    size = inputs.deployment.sizes[_RECEIVER]
    every = inputs.measured.webhook["pause_read_seconds"]
    daily = tuple(
        use_instances(size, day.receiver.instance_seconds, day.receiver.requests)
        | {"firestore.reads": count_intervals(day.delivery_seconds, every)}
        for day in days
    )
    count = sum(day.days * day.delivered for day in days)
    return Part("receive-webhook", f"{round_count(count)} deliveries", daily)


def _cold_start(inputs: Inputs, size: Size, every_seconds: float) -> float:
    """Return the seconds of a start, if the instance of the last run is gone."""
    drain = inputs.measured.drain
    if every_seconds <= drain["instance_idle_seconds"]:
        return 0.0
    return drain["start_cpu_seconds"] / min(size.cpu, 1.0)


def _describe(size: Size, seconds: float) -> str:
    return f"{round_count(seconds)} s of {size.cpu:g} CPU"
