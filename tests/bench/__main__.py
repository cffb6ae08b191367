"""`make bench`: how fast the bridge is, beside other ways to do the same on this machine.

Every kind of work reads the same flood of the stand-in, in turn and in several rounds. `ordinary`,
`tuned` and `simplest` are other bridges (tests/bench/baselines/), `read only`, `parse only` and
`publish only` the limits of this machine (tests/bench/limits/). CPU (microseconds an event) and
peak memory are those of the process that does the work. The stand-in and the emulators share the
CPUs with it, so compare the rows with each other, not with those of another machine.

The rows of a subscriber are for one instance, and CPU is for one message. Reads, writes and API are
the documents and requests of one message, from the log. The stand-in delays each request by 50 ms.
With the emulators, Firestore's is the limit: 110 to 230 writes/s, and a message needs two.
`python -m tests.bench.compare` measures each action with 1, 8, 16 and 32 messages at once.

The result is also in build/bench.json. A goal that is missed is printed and fails nothing.
"""

import json
import os
import sys

from rich.console import Console

from infra.local.clouds.emulators import Emulators, Unavailable, start_emulators
from infra.local.processes.functions import ROOT
from infra.local.processes.upstream import StandInProcess, Upstream
from tests.bench.cases import CASES
from tests.bench.hand_overs import measure_hand_overs
from tests.bench.latency import Latency, measure_latency
from tests.bench.plan import Plan, parse_plan
from tests.bench.report import Report
from tests.bench.row import Row
from tests.bench.scale import measure_scale
from tests.bench.subscriber import API_SECONDS, push_messages
from tests.bench.tables import list_tables, open_console
from tests.bench.throughput import list_kinds, measure_rounds, warm_up
from tests.bench.webhook import receive_deliveries

_FILE = ROOT / "build" / "bench.json"


def main() -> int:
    """Measure everything, print and write it, and return 0."""
    plan = parse_plan(__doc__)
    console = open_console()
    console.print(f"Preparing a flood of {plan.flood:,} events...")
    standin = StandInProcess(run_every_seconds=0, retain=plan.flood)
    try:
        upstream = standin.wait()
        assert upstream.control is not None  # it is the stand-in
        upstream.control.flood(plan.flood)
        emulators = start_emulators(20)
        if isinstance(emulators, Unavailable):
            console.print(f"No rows with Pub/Sub: {emulators.reason}")
            report = _measure(plan, console, upstream, None)
        else:
            try:
                report = _measure(plan, console, upstream, emulators)
            finally:
                emulators.stop()
    finally:
        standin.stop()
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    _FILE.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    for table in list_tables(report):
        console.print(table, "")
    for sentence in report.missed_goals:
        console.print(f"Goal missed: {sentence}")
    if plan.is_quick:
        console.print("A quick bench shows that it works. Its figures say little.")
    console.print(f"Written to {_FILE.relative_to(ROOT)}.")
    return 0


def _measure(
    plan: Plan, console: Console, upstream: Upstream, emulators: Emulators | None
) -> Report:
    say = console.print
    kinds = list_kinds(plan, upstream, emulators)
    warm_up(kinds)
    rounds = measure_rounds(kinds, plan.rounds, say)
    scale = measure_scale(upstream, emulators, plan.scale, say)
    latency: list[Latency] = []
    hand_overs = None
    if emulators is not None:
        latency += measure_latency(emulators, plan.rates, plan.latency_seconds, say)
        hand_overs = measure_hand_overs(emulators, plan.hand_overs, say)
    deliveries: list[Row] = []
    messages: list[Row] = []
    for cloud in dict.fromkeys((emulators, None)):
        say("Webhook deliveries...")
        deliveries += [receive_deliveries(load, cloud) for load in plan.deliveries]
        say(f"Messages to a subscriber, with API requests of {API_SECONDS * 1_000:g} ms...")
        messages += push_messages(CASES["upsert_marker"], plan.messages, upstream, cloud)
    cpus = os.cpu_count() or 1
    return Report(plan, cpus, rounds, scale, latency, hand_overs, deliveries, messages)


if __name__ == "__main__":
    sys.exit(main())
