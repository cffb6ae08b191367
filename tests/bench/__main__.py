"""`make bench`: how fast events go from the stand-in's flood to the topic, and at what cost.

Rows are printed as a table and written to `build/bench.json`. CPU is that of the bridge, in
microseconds an event, and RSS its peak. Machines differ and are shared by the stand-in, the
emulators and the bridge, so read the rows against each other. Two of them are limits: `parse only`
has events in memory parsed by the libraries that the bridge uses, and `publish only` sends
ready-made requests to the same emulator.

A subscriber's rows are of one instance, and CPU is for one message; reads, writes and API are the
documents and the requests of one message, by the log. The stand-in takes 50 ms for each request.
Over the emulators the Firestore emulator is the limit: 110 to 230 writes/s, of which a message
takes two. `python -m tests.bench.compare` measures each action with 1, 8, 16 and 32 at once.
"""

import argparse
import json
import sys
from dataclasses import asdict

from rich.console import Console

from infra.local.clouds.emulators import Emulators, Unavailable, start_emulators
from infra.local.processes.functions import ROOT
from infra.local.processes.upstream import StandInProcess, Upstream
from tests.bench.bridge import drain_flood
from tests.bench.cases import CASES
from tests.bench.parse_only import parse_only
from tests.bench.publish_only import publish_ready
from tests.bench.row import Row
from tests.bench.subscriber import API_SECONDS, push_messages
from tests.bench.subscriber import Load as Messages
from tests.bench.table import table_of, wide_console
from tests.bench.webhook import Load, receive_deliveries

# As deployed, and overloaded: more deliveries than one instance takes at once.
_LOADS = (Load(2_000, 16, 80, 96), Load(1_000, 64, 8, 96))
# One after another, and as many as an instance takes; each has targets of its own.
_MESSAGES = (Messages(60, 1), Messages(400, 16))
_FILE = ROOT / "build" / "bench.json"


def main() -> int:
    """Measure; 0 when every row could be."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--events", type=int, default=300_000, help="events a row (300000)")
    events = parser.parse_args().events
    console = wide_console()
    console.print("Parse only...")
    rows = [parse_only(events)]
    console.print(f"Preparing a flood of {events:,} events...", highlight=False)
    standin = StandInProcess(run_every_seconds=0, retain=events)
    try:
        upstream = standin.wait()
        assert upstream.control is not None  # it is the stand-in
        upstream.control.flood(events)
        emulators = start_emulators(20)
        if isinstance(emulators, Unavailable):
            console.print(f"No rows with Pub/Sub: {emulators.reason}", highlight=False)
        else:
            try:
                console.print("Publish only...")
                rows.append(publish_ready(emulators, events))
                for lanes in (16, 1):
                    console.print(f"Bridge, {lanes} lanes...")
                    rows.append(drain_flood(upstream, events, lanes, emulators))
                rows += _webhooks(console, emulators)
                rows += _subscriber(console, upstream, emulators)
            finally:
                emulators.stop()
        console.print("Bridge, embedded...")
        rows.append(drain_flood(upstream, events, 16, None))
        rows += _webhooks(console, None)
        rows += _subscriber(console, upstream, None)
    finally:
        standin.stop()
    _write(rows)
    limit = rows[0].events_per_second
    console.print(table_of(rows, title="Benchmark", limit=limit))
    console.print(f"Written to {_FILE.relative_to(ROOT)}.")
    return 0


def _webhooks(console: Console, emulators: Emulators | None) -> list[Row]:
    console.print("Webhook deliveries...")
    return [receive_deliveries(load, emulators) for load in _LOADS]


def _subscriber(console: Console, upstream: Upstream, emulators: Emulators | None) -> list[Row]:
    console.print(f"Messages to a subscriber, VideoVector takes {API_SECONDS * 1_000:g} ms...")
    return list(push_messages(CASES["upsert_marker"], _MESSAGES, upstream, emulators))


def _write(rows: list[Row]) -> None:
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    found = {"rows": [asdict(row) for row in rows]}
    _FILE.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
