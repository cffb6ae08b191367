"""`make bench`: the bridge's throughput and cost per event, from the stand-in to the topic.

Rows are printed as a table and written to `build/bench.json`. CPU (microseconds an event) and peak
RSS are those of the bridge. Machines differ, and the stand-in, the emulators and the bridge share
one, so compare the rows with each other. Two rows are upper limits: `parse only` parses events in
memory with the bridge's libraries, and `publish only` sends prepared requests to the same emulator.

The rows of a subscriber are for one instance, and CPU is for one message. Reads, writes and API are
the documents and requests of one message, from the log. The stand-in delays each request by 50 ms.
With the emulators, Firestore's is the limit: 110 to 230 writes/s, and a message needs two.
`python -m tests.bench.compare` measures each action with 1, 8, 16 and 32 messages at once.
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
from tests.bench.publish_only import publish_prepared
from tests.bench.row import Row
from tests.bench.subscriber import API_SECONDS, MessageLoad, push_messages
from tests.bench.table import make_table, open_console
from tests.bench.webhook import DeliveryLoad, receive_deliveries

# As deployed, and overloaded: more deliveries than one instance accepts at once.
_LOADS = (DeliveryLoad(2_000, 16, 80, 96), DeliveryLoad(1_000, 64, 8, 96))
# One at a time, and as many as an instance accepts; each message has its own target.
_MESSAGES = (MessageLoad(60, 1), MessageLoad(400, 16))
_FILE = ROOT / "build" / "bench.json"


def main() -> int:
    """Measure every row and return 0."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--events", type=int, default=300_000, help="events a row (300000)")
    events = parser.parse_args().events
    console = open_console()
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
                rows.append(publish_prepared(emulators, events))
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
    console.print(make_table(rows, title="Benchmark", limit=limit))
    console.print(f"Written to {_FILE.relative_to(ROOT)}.")
    return 0


def _webhooks(console: Console, emulators: Emulators | None) -> list[Row]:
    console.print("Webhook deliveries...")
    return [receive_deliveries(load, emulators) for load in _LOADS]


def _subscriber(console: Console, upstream: Upstream, emulators: Emulators | None) -> list[Row]:
    console.print(f"Messages to a subscriber, with API requests of {API_SECONDS * 1_000:g} ms...")
    return list(push_messages(CASES["upsert_marker"], _MESSAGES, upstream, emulators))


def _write(rows: list[Row]) -> None:
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    report = {"rows": [asdict(row) for row in rows]}
    _FILE.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
