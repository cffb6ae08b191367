"""Messages pushed to a subscriber under functions-framework, by a VideoVector that takes time."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from infra.local.clouds.emulators import Emulators
from infra.local.processes.functions import LOGS, Function
from infra.local.processes.upstream import Upstream
from tests.bench.bridge import cloud_environment
from tests.bench.cases import Case
from tests.bench.posting import post_all
from tests.bench.row import Row, usage_of_session

API_SECONDS: Final = 0.05
"""How long the stand-in takes to answer."""
_ACCEPTED: Final = 200
_WARM_UP: Final = 20
_COUNTS: Final = ("store_reads", "store_writes", "api_calls")


@dataclass(frozen=True, slots=True)
class Load:
    """So many messages, `at_once` of them under way.

    The first of those under way has `large_bytes`, if any: one after another, as the budget for
    event bytes lets them in.
    """

    messages: int
    at_once: int
    large_bytes: int = 0


def push_messages(
    case: Case,
    loads: Iterable[Load],
    upstream: Upstream,
    emulators: Emulators | None,
    *,
    api_seconds: float = API_SECONDS,
) -> Iterator[Row]:
    """A row for each load, on one instance that has a thread for each message at once.

    The peak of its memory is that of the loads so far.
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
                    **cloud_environment(emulators, folder),
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


def _measure(case: Case, load: Load, function: Function, emulators: Emulators | None) -> Row:
    posts = [
        case.post(0 if number % load.at_once else load.large_bytes)
        for number in range(load.messages)
    ]
    logged = function.log.stat().st_size
    before = usage_of_session(function.session())
    posted = post_all(function.url, posts, load.at_once, _ACCEPTED)
    after = usage_of_session(function.session())
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
    """What a message costs by the log. Raises `RuntimeError` if a message had no effect."""
    outcomes = [line for line in map(_parsed, lines) if "api_calls" in line]
    done = [line for line in outcomes if line["event"].endswith(".done")]
    if len(done) != messages:
        raise RuntimeError(f"{len(done)} of {messages} messages had an effect: {lines[-1:]}")
    sums = {name: sum(line[name] for line in outcomes) for name in _COUNTS}
    return {name: round(total / messages, 2) for name, total in sums.items()}


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError:  # the host's own lines
        return {}
    return fields if isinstance(fields, dict) else {}
