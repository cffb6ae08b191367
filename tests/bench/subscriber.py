"""Benchmark of a subscriber under functions-framework, with a slow VideoVector."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.local.clouds.emulators import Emulators
from infra.local.processes.functions import LOGS, Function
from infra.local.processes.upstream import Upstream
from tests.bench.bridge import prepare_cloud
from tests.bench.cases import Case
from tests.bench.posting import post_all
from tests.bench.row import Row, measure_session

API_SECONDS: Final = 0.05
"""The response time of the stand-in."""
_ACCEPTED: Final = 200
_WARM_UP: Final = 20
_COUNTS: Final = ("store_reads", "store_writes", "api_calls")


@dataclass(frozen=True, slots=True)
class MessageLoad:
    """A number of messages, of which `at_once` are sent concurrently.

    With `large_bytes`, every `at_once`-th message has that size.
    """

    messages: int
    at_once: int
    large_bytes: int = 0


def push_messages(
    case: Case,
    loads: Iterable[MessageLoad],
    upstream: Upstream,
    emulators: Emulators | None,
    *,
    api_seconds: float = API_SECONDS,
) -> Iterator[Row]:
    """Yield a row for each load, on one instance with a thread for each concurrent message.

    The peak memory of a row includes the loads before it.
    """
    loads = list(loads)
    assert upstream.control is not None  # it is the stand-in
    upstream.control.faults({"on": "*", "kind": "delay", "times": None, "seconds": api_seconds})
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "automations.toml"
            file.write_text(case.automations, encoding="utf-8")
            function = Function(
                f"{case.action}-bench",
                case.entry_point,
                {
                    **prepare_cloud(emulators, folder),
                    **case.environment,
                    "VIDEO_VECTOR_BASE_URL": upstream.api_url,
                    "VIDEO_VECTOR_API_KEY": upstream.key,
                    "AUTOMATIONS_FILE": str(file),
                    "THREADS": str(max(load.at_once for load in loads)),
                },
                LOGS / "bench",
            )
            function.start()
            try:
                function.wait()
                warm_up = [case.post() for _ in range(_WARM_UP)]
                post_all(function.url, warm_up, loads[-1].at_once, _ACCEPTED)
                for load in loads:
                    yield _measure(case, load, function, emulators)
            finally:
                function.close()
    finally:
        upstream.control.clear_faults()


def _measure(case: Case, load: MessageLoad, function: Function, emulators: Emulators | None) -> Row:
    posts = [
        case.post(0 if number % load.at_once else load.large_bytes)
        for number in range(load.messages)
    ]
    logged = function.log.stat().st_size
    before = measure_session(function.session())
    posted = post_all(function.url, posts, load.at_once, _ACCEPTED)
    after = measure_session(function.session())
    costs = _costs(function.log.read_bytes()[logged:].splitlines(), load.messages)
    backend = "embedded" if emulators is None else "emulators"
    size = f", one of {load.large_bytes / 1e6:g} MB" if load.large_bytes else ""
    return Row(
        f"subscriber {case.action}, {load.at_once} at once{size}, {backend}",
        load.messages / posted.seconds,
        (after.cpu_seconds - before.cpu_seconds) / load.messages * 1e6,
        after.peak_mb,
        *posted.percentiles,
        posted.statuses[503],
        **costs,
    )


def _costs(lines: Sequence[bytes], messages: int) -> dict[str, float]:
    """Return the costs of one message from the log. Raises `RuntimeError` for a missing effect."""
    outcomes = [line for line in map(_parsed, lines) if "api_calls" in line]
    done = [line for line in outcomes if line["event"].endswith(".done")]
    if len(done) != messages:
        raise RuntimeError(f"{len(done)} of {messages} messages had an effect: {lines[-1:]}")
    sums = {name: sum(line[name] for line in outcomes) for name in _COUNTS}
    return {name: round(total / messages, 2) for name, total in sums.items()}


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError:  # a line of functions-framework
        return {}
    return fields if isinstance(fields, dict) else {}
