"""`python -m infra.standin`: the stand-in alone, with runs that progress by themselves."""

import argparse
import json
import signal
import threading
from pathlib import Path

from infra.standin import StandIn, StandInConfig


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    options = _options()
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
        _write(options.endpoints, standin)
        try:
            print(_welcome(standin, options.endpoints), flush=True)
            stopped.wait()
        finally:
            options.endpoints.unlink(missing_ok=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--endpoints", type=Path, default=Path("build/endpoints.json"))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--run-every", type=float, default=4.0, help="seconds; 0 starts none")
    parser.add_argument("--retain", type=int, default=100_000, help="events kept for replay")
    return parser.parse_args()


def _write(path: Path, standin: StandIn) -> None:
    """Write the endpoints whole: whoever waits for the file must not read half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    endpoints = {
        "api_url": standin.api_url,
        "api_keys": standin.keys,
        "control_url": standin.control_url,
    }
    draft.write_text(json.dumps(endpoints, indent=2) + "\n")
    draft.replace(path)


def _welcome(standin: StandIn, endpoints: Path) -> str:
    keys = "\n".join(f"  {scope:<7} {key}" for scope, key in standin.keys.items())
    return f"""\
VideoVector stand-in

  API      {standin.api_url}
  Control  {standin.control_url}/journal
  Also in  {endpoints}

Keys (they open this stand-in and nothing else)
{keys}

Watch it
  curl -N -H 'X-API-Key: {standin.keys["read"]}' {standin.api_url}/processing/events/stream

Ctrl-C ends it."""


if __name__ == "__main__":
    main()
