"""Where the time goes from an event to its effect, on the local stack.

`python -m tests.bench.effects --backend gcp` starts the whole stack, publishes events on topic
`events`, and prints for each stage the median and the 99th percentile of all messages, and its
share of the time. The phases: the first messages of the processes, then one event at a time, then
many events in one request, as a window publishes them.

`cloud` is the time from the publish time to the push request: the emulator or the embedded backend,
and the wait for a turn. `function` lasts until a thread of the function begins, `open` until it has
read its settings. `store`, `api`, `publish` and `files` are requests to Firestore, the stand-in,
Pub/Sub and Cloud Storage. `rest` is the function's own code, and its waits. Each stage includes the
wait for a CPU, so note the load.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final
from unittest.mock import patch

from infra.local.configuration import read_configuration
from infra.local.processes.functions import ROOT
from infra.local.stack import running_stack
from tests.bench.effects.cpu import measure_cpu
from tests.bench.effects.load import make_events
from tests.bench.effects.stages import StageLog
from tests.bench.effects.table import Phase, print_report
from videovector_bridge.backends import Backend, open_backend
from videovector_bridge.backends.ports import Message
from videovector_bridge.environment import Environment
from videovector_bridge.settings.cloud import read_backend

_PROBE: Final = Path(__file__).with_name("probe.py")
_LOGS: Final = ROOT / "build" / "logs" / "effects"
_PUBLISH_SECONDS: Final = 30.0
_FIRST: Final = 4  # one of each type


def main() -> int:
    """Run the stack as often as asked, print the tables, and return 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.effects", description=__doc__)
    parser.add_argument("--backend", choices=("gcp", "embedded"), default="gcp")
    parser.add_argument("--runs", type=int, default=3, help="starts of the stack (3)")
    parser.add_argument("--steady", type=int, default=40, help="events one at a time (40)")
    parser.add_argument("--pause", type=float, default=0.25, help="seconds between them (0.25)")
    parser.add_argument("--burst", type=int, default=200, help="events in one request (200)")
    options = parser.parse_args()
    # The functions import the probe, and the probe imports main.py.
    os.environ["PYTHONPATH"] = os.pathsep.join((str(ROOT / "functions"), str(ROOT)))
    phases = (Phase("first"), Phase("steady"), Phase("burst"))
    cpu = [_run(options, phases) for _ in range(options.runs)]
    load = os.getloadavg()[0]
    title = f"{options.backend}, {options.runs} runs, {os.cpu_count()} CPUs, load {load:.1f}"
    print_report(title, phases, cpu)
    return 0


def _run(options: argparse.Namespace, phases: tuple[Phase, Phase, Phase]) -> dict[str, float]:
    """Add the messages of one start of the stack to the phases. Return the CPU of the burst."""
    configuration = read_configuration({"BACKEND": options.backend})
    first, steady, burst = phases
    with (
        patch.dict(os.environ),  # a stack sets the addresses of its emulators
        running_stack(
            configuration,
            run_every_seconds=0,
            watch=(),
            logs=_LOGS,
            emulator_seconds=60.0,
            notify=lambda _: None,
            source=_PROBE,
        ) as stack,
    ):
        stack.start_others()
        log = StageLog(function.log for function in stack.functions.values())
        backend = open_backend(read_backend(Environment(stack.cloud.environment)))
        topic = configuration.topic_names["events"]
        events = make_events()
        with log.recorded_pushes():
            _publish(backend, topic, islice(events, _FIRST))
            first.messages.extend(log.read(_FIRST))
            for event in islice(events, options.steady):
                _publish(backend, topic, [event])
                time.sleep(options.pause)
            steady.messages.extend(log.read(options.steady))
            before = measure_cpu()
            _publish(backend, topic, islice(events, options.burst))
            burst.messages.extend(log.read(options.burst))
            used = measure_cpu()
    return {name: seconds - before[name] for name, seconds in used.items()}


def _publish(backend: Backend, topic: str, messages: Iterable[Message]) -> None:
    backend.topics.publish(topic, list(messages), timeout=_PUBLISH_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
