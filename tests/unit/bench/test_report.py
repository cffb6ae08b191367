"""The content of `build/bench.json`."""

import json

from tests.bench import figures
from tests.bench.latency import Latency
from tests.bench.row import Row
from tests.unit.bench.samples import make_report


def test_the_keys_of_a_row_are_fixed() -> None:
    """Other programs read them; the figures are medians, beside their spread."""
    rates = (30.0, 10.0, 20.0)
    rounds = {figures.BRIDGE: [Row(figures.BRIDGE, rate, 1.5, 99.0) for rate in rates]}

    row, *others = make_report(rounds=rounds).as_json()["rows"]

    assert row == {
        "name": "bridge, 16 lanes",
        "events_per_second": 20.0,
        "cpu_us_per_event": 1.5,
        "rss_mb": 99.0,
        "spread": {
            "events_per_second": [10.0, 30.0],
            "cpu_us_per_event": [1.5, 1.5],
            "rss_mb": [99.0, 99.0],
        },
    }
    for other in others:
        assert {"name", "events_per_second", "cpu_us_per_event", "rss_mb"} < set(other)


def test_every_section_is_json() -> None:
    """As written, it can be read."""
    report = make_report().as_json()

    assert json.loads(json.dumps(report)) == report
    assert {"rows", "ratios", "scale", "latency", "missed_goals"} < set(report)
    assert set(report["scale"]) == {"points", "slope", "intercept", "r_squared"}
    assert set(report["latency"][0]) == {"name", "rate", "events", "p50_ms", "p99_ms", "max_ms"}


def test_a_missed_goal_is_a_sentence() -> None:
    """All rates of the sample are equal: twice as fast as nothing, and as fast as publish only."""
    sentences = make_report().missed_goals

    assert sentences == [
        "bridge / ordinary, ordered is 1.00, the goal 10.",
        "bridge / ordinary, unordered is 1.00, the goal 3.",
        "A window used 1234 MB, the goal is 150 MB.",
        "p99 over hand-overs is 12345.6 ms, the goal 1500.",
        "12.34 s passed without a reader, the goal 1.",
    ]


def test_the_goal_of_a_window_is_that_of_profile_live() -> None:
    """Economy waits longer, and a bare publish is no window."""
    latency = [Latency(name, 1_000, 100, 40.0, 51.0, 60.0) for name in ("economy", "live", "bare")]
    sentences = make_report(latency=latency, rounds={}, hand_overs=None).missed_goals

    assert sentences[1:] == ["p99 of live at 1,000 events/s is 51 ms, the goal 50."]
