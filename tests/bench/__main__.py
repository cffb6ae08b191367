"""`make bench`: how fast events go from the stand-in's flood to the topic, and at what cost.

Rows are printed as a table and written to `build/bench.json`. CPU is that of the bridge, in
microseconds an event, and RSS its peak. Machines differ and are shared by the stand-in, the
emulators and the bridge, so read the rows against each other. Two of them are limits: `parse only`
has events in memory parsed by the libraries that the bridge uses, and `publish only` sends
ready-made requests to the same emulator.
"""

import argparse
import json
import sys
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from infra.local.emulators import Emulators, Unavailable, start_emulators
from infra.local.functions import ROOT
from infra.local.upstream import StandInProcess
from tests.bench.bridge import drain_flood
from tests.bench.parse_only import parse_only
from tests.bench.publish_only import publish_ready
from tests.bench.row import Row
from tests.bench.webhook import Load, receive_deliveries

# As deployed, and overloaded: more deliveries than one instance takes at once.
_LOADS = (Load(2_000, 16, 80, 96), Load(1_000, 64, 8, 96))
_FILE = ROOT / "build" / "bench.json"


def main() -> int:
    """Measure; 0 when every row could be."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--events", type=int, default=300_000, help="events a row (300000)")
    events = parser.parse_args().events
    console = Console()
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
            finally:
                emulators.stop()
        console.print("Bridge, embedded...")
        rows.append(drain_flood(upstream, events, 16, None))
        rows += _webhooks(console, None)
    finally:
        standin.stop()
    _write(rows)
    console.print(_table(rows))
    console.print(f"Written to {_FILE.relative_to(ROOT)}.")
    return 0


def _webhooks(console: Console, emulators: Emulators | None) -> list[Row]:
    console.print("Webhook deliveries...")
    return [receive_deliveries(load, emulators) for load in _LOADS]


def _write(rows: list[Row]) -> None:
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    found = {"rows": [asdict(row) for row in rows]}
    _FILE.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _table(rows: list[Row]) -> Table:
    limit = rows[0].events_per_second
    table = Table(title="Benchmark", title_justify="left")
    table.add_column("row")
    for name in ("events/s", "of parse", "CPU us", "RSS MB", "p50 ms", "p99 ms", "503"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.events_per_second:,.0f}",
            f"{row.events_per_second / limit:.0%}",
            f"{row.cpu_us_per_event:.1f}",
            f"{row.rss_mb:.0f}",
            *("" if each is None else str(each) for each in (row.p50_ms, row.p99_ms, row.put_off)),
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
