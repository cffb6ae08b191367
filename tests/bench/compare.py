"""`python -m tests.bench.compare`: one subscriber with 1, 8, 16 and 32 messages at once."""

import argparse
import sys

from infra.local.clouds.emulators import Unavailable, start_emulators
from infra.local.processes.upstream import StandInProcess
from tests.bench.cases import CASES
from tests.bench.subscriber import API_SECONDS, MessageLoad, push_messages
from tests.bench.tables import open_console, subscriber_table


def main() -> int:
    """Measure each action; return 0, or 1 without emulators."""
    options = _options()
    emulators = start_emulators(20) if options.emulators else None
    if isinstance(emulators, Unavailable):
        print(emulators.reason, file=sys.stderr)
        return 1
    console = open_console()
    standin = StandInProcess(run_every_seconds=0)
    try:
        upstream = standin.wait()
        for action in options.action or CASES:
            loads = [
                MessageLoad(options.messages * min(at_once, 4), at_once, options.large_bytes)
                for at_once in options.at_once
            ]
            rows = push_messages(
                CASES[action], loads, upstream, emulators, api_seconds=options.api_seconds
            )
            console.print(subscriber_table(list(rows), title=f"{action} (p50, p99 in ms)"))
    finally:
        standin.stop()
        if emulators is not None:
            emulators.stop()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.compare", description=__doc__)
    parser.add_argument("--action", action="append", choices=list(CASES), help="(all)")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 8, 16, 32])
    parser.add_argument(
        "--messages",
        type=int,
        default=100,
        help="for 1 at once; up to 4 times as many otherwise (100)",
    )
    parser.add_argument("--large-bytes", type=int, default=0, help="one large event at a time")
    parser.add_argument("--api-seconds", type=float, default=API_SECONDS)
    parser.add_argument("--emulators", action="store_true", help="instead of embedded")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
