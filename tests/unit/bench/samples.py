"""Made-up results of a bench, with figures as wide as they get."""

from collections.abc import Mapping, Sequence

from tests.bench import figures
from tests.bench.hand_overs import HandOvers
from tests.bench.latency import Latency
from tests.bench.plan import FULL
from tests.bench.report import Report
from tests.bench.row import Row
from tests.bench.scale import Point, Scale

NAMES = (
    figures.BRIDGE,
    "bridge, 1 lane",
    "bridge, embedded",
    figures.ORDINARY_ORDERED,
    figures.ORDINARY_UNORDERED,
    figures.TUNED_ORDERED,
    figures.TUNED_UNORDERED,
    "simplest",
    figures.PUBLISH_ONLY,
    "read only",
    "parse only",
)
WIDE = 1_234_567.0
CPU_US = 12_345.6


def make_rounds(**rates: Sequence[float]) -> Mapping[str, Sequence[Row]]:
    """Return rows with these rates; an underscore in a name is a comma and a space."""
    return {
        name.replace("_", ", "): [Row(name.replace("_", ", "), rate, 1.0, 100.0) for rate in each]
        for name, each in rates.items()
    }


def make_report(**changes: object) -> Report:
    """Return a report with every section."""
    fields: dict[str, object] = {
        "plan": FULL,
        "cpus": 2,
        "rounds": {
            name: [Row(name, WIDE, CPU_US, 123.4), Row(name, 2 * WIDE, CPU_US, 123.4)]
            for name in NAMES
        },
        "scale": Scale((Point(10_000, 0.5, 100.0), Point(1_000_000, 1_234.56, 1_234.0))),
        "latency": [Latency("bare publish", 1_000, 15_000, 12_345.6, 12_345.6, 12_345.6)],
        "hand_overs": HandOvers(
            100, Latency("live", 100, 15_000, 12_345.6, 12_345.6, 12_345.6), 12.34
        ),
        "deliveries": [
            Row(
                "webhook, 64 at once, 80 places, emulators",
                12_345.0,
                CPU_US,
                123.4,
                1_234.5,
                1_234.5,
                1_234,
            )
        ],
        "messages": [
            Row(
                "subscriber upsert_marker, 16 at once, emulators",
                1_234.0,
                CPU_US,
                123.4,
                1_234.5,
                1_234.5,
                0,
                1.25,
                2.25,
                1.25,
            )
        ],
    }
    return Report(**{**fields, **changes})  # type: ignore[arg-type]
