"""The rows of the throughput: every kind of work over the same flood, in turn, several times."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from infra.local.clouds.emulators import Emulators
from infra.local.processes.upstream import Upstream
from tests.bench import figures
from tests.bench.bridge import drain_flood, prepare_cloud
from tests.bench.measured import Measurement
from tests.bench.plan import Plan
from tests.bench.program import run_program
from tests.bench.row import Row


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of work, and the function that measures it once."""

    name: str
    measure: Callable[[], Measurement]


def list_kinds(plan: Plan, upstream: Upstream, emulators: Emulators | None) -> list[Kind]:
    """Return every kind that can be measured here, the bridge first."""
    events = plan.events

    def bridge(name: str, lanes: int, cloud: Emulators | None) -> Kind:
        return Kind(name, lambda: drain_flood(upstream, events, lanes, cloud))

    def program(name: str, module: str, *options: str, count: int = events) -> Kind:
        def measure() -> Measurement:
            environment = {
                **({} if emulators is None else prepare_cloud(emulators, "")),
                "VIDEO_VECTOR_BASE_URL": upstream.api_url,
                "VIDEO_VECTOR_API_KEY": upstream.key,
            }
            return run_program(module, "--events", str(count), *options, environment=environment)

        return Kind(name, measure)

    embedded = bridge("bridge, embedded", 16, None)
    limits = [
        program("read only", "limits.read_only"),
        program("parse only", "limits.parse_only"),
    ]
    if emulators is None:
        return [embedded, *limits]
    ordinary, tuned = "baselines.ordinary", "baselines.tuned"
    return [
        bridge(figures.BRIDGE, 16, emulators),
        bridge("bridge, 1 lane", 1, emulators),
        embedded,
        program(figures.ORDINARY_ORDERED, ordinary, "--ordered"),
        program(figures.ORDINARY_UNORDERED, ordinary),
        program(figures.TUNED_ORDERED, tuned, "--ordered"),
        program(figures.TUNED_UNORDERED, tuned),
        program("simplest", "baselines.simplest", count=plan.simplest_events),
        program(figures.PUBLISH_ONLY, "limits.publish_only"),
        *limits,
    ]


def warm_up(kinds: Sequence[Kind]) -> None:
    """Publish without measuring: a new emulator is slow until Java has compiled its code."""
    for kind in kinds:
        if kind.name == figures.PUBLISH_ONLY:
            kind.measure()


def measure_rounds(
    kinds: Sequence[Kind], rounds: int, say: Callable[[str], None]
) -> Mapping[str, Sequence[Row]]:
    """Measure every kind in turn, `rounds` times. Return the rows of each by its name."""
    rows: dict[str, list[Row]] = {kind.name: [] for kind in kinds}
    for number in range(1, rounds + 1):
        for kind in kinds:
            say(f"Round {number} of {rounds}: {kind.name}...")
            rows[kind.name].append(kind.measure().as_row(kind.name))
    return rows
