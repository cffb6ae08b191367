"""`make bench-plots`: draw the reports in `build/` as SVG into `docs/performance/`.

The same report gives the same files: no date, no random ids. Text stays text, so that the files are
small and use the reader's font. Needs matplotlib, which only this target installs.
"""

import json
import sys

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from infra.local.processes.functions import ROOT
from tests.bench.charts import SOURCES, Chart, Dots, Lines, list_charts

_BUILD = ROOT / "build"
_FOLDER = ROOT / "docs" / "performance"
_STYLE = {
    "svg.hashsalt": "videovector-bridge",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_PANEL_INCHES = (5.0, 3.4)


def main() -> int:
    """Draw every chart; return 1 if there is no report."""
    files = [_BUILD / name for name in SOURCES if (_BUILD / name).exists()]
    if not files:
        print("There is nothing to draw in build/: run `make bench` first.", file=sys.stderr)
        return 1
    reports = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in files}
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_STYLE):
        for chart in list_charts(reports):
            path = _FOLDER / f"{chart.name}.svg"
            figure = draw_chart(chart)
            figure.savefig(path, metadata={"Date": None, "Creator": None})
            print(f"Written to {path.relative_to(ROOT)}.")
    return 0


def draw_chart(chart: Chart) -> Figure:
    """Return a figure with the panels side by side."""
    width, height = _PANEL_INCHES
    figure = Figure(figsize=(width * len(chart.panels), height), layout="constrained")
    row = figure.subplots(1, len(chart.panels), squeeze=False)[0]
    for axes, panel in zip(row, chart.panels, strict=True):
        axes.set_title(panel.title, loc="left")
        axes.set_xlabel(panel.x_label)
        axes.grid(visible=True, linewidth=0.3)
        axes.set_axisbelow(True)
        if isinstance(panel, Dots):
            _draw_dots(axes, panel)
        else:
            _draw_lines(axes, panel)
    return figure


def _draw_dots(axes: Axes, panel: Dots) -> None:
    values = [dot.value for dot in panel.dots]
    below = [dot.value - dot.low for dot in panel.dots]
    above = [dot.high - dot.value for dot in panel.dots]
    names = [dot.name for dot in panel.dots]
    axes.errorbar(values, names, xerr=(below, above), fmt="o", markersize=4, capsize=3)
    axes.set_xscale("log")
    _label_plainly(axes.xaxis)
    axes.invert_yaxis()


def _draw_lines(axes: Axes, panel: Lines) -> None:
    axes.set_ylabel(panel.y_label)
    for series in panel.series:
        axes.plot(series.xs, series.ys, marker="o", markersize=4, label=series.name)
    if "x" in panel.logarithmic:
        axes.set_xscale("log")
        _label_plainly(axes.xaxis)
    if "y" in panel.logarithmic:
        axes.set_yscale("log")
        _label_plainly(axes.yaxis)
    else:
        axes.set_ylim(0, 1.1 * max(y for series in panel.series for y in series.ys))
    if len(panel.series) > 1:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _label_plainly(axis: Axis) -> None:
    """Write 1,000 instead of a power of ten, and nothing between two of them."""
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axis.set_minor_locator(NullLocator())


if __name__ == "__main__":
    sys.exit(main())
