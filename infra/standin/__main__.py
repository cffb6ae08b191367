"""`python -m infra.standin`: the stand-in alone, with runs that start automatically."""

import argparse
import json
import signal
import threading
from pathlib import Path

from infra.standin import StandIn, StandInConfig


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    options = _parse_options()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    config = StandInConfig(
        port=options.port,
        seed=options.seed,
        run_every_seconds=options.run_every or None,
        retain_events=options.retain,
    )
    with StandIn(config) as standin:
        _write_endpoints(options.endpoints, standin)
        try:
            print(_describe(standin, options.endpoints), flush=True)
            stopped.wait()
        finally:
            options.endpoints.unlink(missing_ok=True)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free port (default)")
    parser.add_argument("--endpoints", type=Path, default=Path("build/endpoints.json"))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--run-every", type=float, default=4.0, help="seconds between runs; 0: no runs"
    )
    parser.add_argument(
        "--retain", type=int, default=100_000, help="number of events that can be replayed"
    )
    return parser.parse_args()


def _write_endpoints(path: Path, standin: StandIn) -> None:
    """Write the file atomically: another process may wait for it and read it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    endpoints = {
        "api_url": standin.api_url,
        "api_keys": standin.keys,
        "control_url": standin.control_url,
    }
    temporary.write_text(json.dumps(endpoints, indent=2) + "\n")
    temporary.replace(path)


def _describe(standin: StandIn, endpoints: Path) -> str:
    keys = "\n".join(f"  {scope:<7} {key}" for scope, key in standin.keys.items())
    return f"""\
VideoVector stand-in

  API      {standin.api_url}
  Control  {standin.control_url}/journal
  File     {endpoints}

Keys (valid for this stand-in only)
{keys}

Read the stream
  curl -N -H 'X-API-Key: {standin.keys["read"]}' {standin.api_url}/processing/events/stream

Ctrl-C stops it."""


if __name__ == "__main__":
    main()
