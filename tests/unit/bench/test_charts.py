"""Which figures are drawn, from the report that is written."""

from tests.bench.charts import SOURCES, Dot, Dots, Lines, Series, list_charts
from tests.bench.latency import Latency
from tests.bench.row import Row
from tests.bench.scale import Point, Scale
from tests.unit.bench.samples import NAMES, make_report


def test_each_section_has_a_chart() -> None:
    """With its own file."""
    charts = list_charts({"bench.json": make_report().as_json()})

    assert [chart.name for chart in charts] == ["throughput", "scale", "latency"]


def test_throughput_is_drawn_with_its_spread() -> None:
    """Only rows of several rounds: those of one instance have another meaning."""
    report = make_report(rounds={"a": [Row("a", rate, 5.0, 100.0) for rate in (1.0, 2.0, 4.0)]})

    throughput, *_ = list_charts({"bench.json": report.as_json()})
    rates, cpu = throughput.panels

    assert isinstance(rates, Dots)
    assert isinstance(cpu, Dots)
    assert rates.dots == (Dot("a", 2.0, 1.0, 4.0),)
    assert cpu.dots == (Dot("a", 5.0, 5.0, 5.0),)


def test_every_row_has_a_dot() -> None:
    """In the order of the table."""
    throughput, *_ = list_charts({"bench.json": make_report().as_json()})

    for panel in throughput.panels:
        assert isinstance(panel, Dots)
        assert tuple(dot.name for dot in panel.dots) == NAMES


def test_time_and_memory_are_drawn_over_the_events() -> None:
    """In millions; the title has the fit."""
    points = (Point(500_000, 10.0, 100.0), Point(1_000_000, 20.0, 101.0))

    _, scale, _ = list_charts({"bench.json": make_report(scale=Scale(points)).as_json()})
    time, memory = scale.panels

    assert isinstance(time, Lines)
    assert isinstance(memory, Lines)
    assert time.series == (Series("", (0.5, 1.0), (10.0, 20.0)),)
    assert memory.series == (Series("", (0.5, 1.0), (100.0, 101.0)),)
    assert "1.0000" in time.title


def test_latency_has_a_line_for_each_publisher_and_percentile() -> None:
    """Over the rates."""
    latency = [
        Latency("bridge", 10, 150, 50.0, 60.0, 70.0),
        Latency("bridge", 100, 1_500, 51.0, 61.0, 71.0),
    ]

    *_, chart = list_charts({"bench.json": make_report(latency=latency).as_json()})
    (panel,) = chart.panels

    assert isinstance(panel, Lines)
    assert panel.series == (
        Series("bridge, p50", (10, 100), (50.0, 51.0)),
        Series("bridge, p99", (10, 100), (60.0, 61.0)),
    )


def test_what_was_not_measured_is_not_drawn() -> None:
    """Without emulators there is no latency; without a report there is nothing."""
    charts = list_charts({"bench.json": make_report(latency=[]).as_json()})

    assert [chart.name for chart in charts] == ["throughput", "scale"]
    assert list_charts({}) == []
    assert set(SOURCES) == {"bench.json", "cost.json"}


def test_cost_has_only_settings_to_which_no_other_is_better() -> None:
    """A slower one must be cheaper than all that are faster."""
    choices = [
        {"p99_seconds": seconds, "usd": usd}
        for seconds, usd in ((60.0, 10.0), (0.5, 30.0), (40.0, 12.0), (50.0, 12.0), (45.0, 13.0))
    ]
    plan = {"workload": {"events_a_month": 10_000_000}, "choices": choices}

    (chart,) = list_charts({"cost.json": plan})
    (panel,) = chart.panels

    assert isinstance(panel, Lines)
    assert panel.series == (Series("", (0.5, 40.0, 60.0), (30.0, 12.0, 10.0)),)
    assert "10M events" in panel.title
