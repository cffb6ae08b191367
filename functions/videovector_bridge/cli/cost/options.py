"""The options of the command `cost`, in three groups of its help."""

from typing import Annotated, Final

import typer

_UNITS: Final = {"k": 1e3, "M": 1e6, "G": 1e9}
_MOST_EVENTS: Final = 10e9

_WORKLOAD: Final = "What the bridge must do"
_OPERATION: Final = "How it is operated (default: as it would be deployed)"
_RESULT: Final = "Prices and result"


def parse_count(text: str) -> float:
    """Return a number of events: 5000, 100k, 10M. Raises `typer.BadParameter`."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "")
    try:
        count = float(number) * _UNITS.get(unit, 1.0)
    except ValueError:
        count = -1.0
    if not 0 <= count <= _MOST_EVENTS:
        raise typer.BadParameter(f"{text!r} is no number of events: write 5000, 100k or 10M.")
    return count


EventsPerMonth = Annotated[
    float | None,
    typer.Option(
        parser=parse_count, metavar="COUNT", help="5000, 100k, 10M.", rich_help_panel=_WORKLOAD
    ),
]
EventsPerDay = Annotated[
    float | None, typer.Option(parser=parse_count, metavar="COUNT", rich_help_panel=_WORKLOAD)
]
EventBytes = Annotated[
    float | None,
    typer.Option(min=2, help="JSON of an event (700).", rich_help_panel=_WORKLOAD),
]
ArrivalPattern = Annotated[
    str,
    typer.Option(
        help="steady; office-hours: 90 % on weekdays from 8 to 18; bursts: runs of 100 events over "
        "50 s; nightly: all from 2 to 3.",
        rich_help_panel=_WORKLOAD,
    ),
]
Matched = Annotated[
    float,
    typer.Option(min=0, max=1, help="Share with an effect.", rich_help_panel=_WORKLOAD),
]
Action = Annotated[str, typer.Option(help="Of the effects.", rich_help_panel=_WORKLOAD)]
WebhookShare = Annotated[
    float,
    typer.Option(min=0, max=1, help="Share that arrives by webhook.", rich_help_panel=_WORKLOAD),
]
WorkMinutes = Annotated[
    float, typer.Option(min=0, help="Duration of a run or video.", rich_help_panel=_WORKLOAD)
]
ApiSeconds = Annotated[
    float,
    typer.Option(min=0, help="Response time of VideoVector.", rich_help_panel=_WORKLOAD),
]
ProfileName = Annotated[
    str,
    typer.Option(
        help="economy: windows by a schedule; live: each window follows the last.",
        rich_help_panel=_OPERATION,
    ),
]
Streams = Annotated[
    int, typer.Option(min=1, max=100, help="Equal streams.", rich_help_panel=_OPERATION)
]
EveryMinutes = Annotated[
    int | None,
    typer.Option(min=1, max=1_440, help="Schedule of drain.", rich_help_panel=_OPERATION),
]
WindowSeconds = Annotated[float | None, typer.Option(min=1, max=1_700, rich_help_panel=_OPERATION)]
IdleSeconds = Annotated[float | None, typer.Option(min=0.1, max=1_700, rich_help_panel=_OPERATION)]
Lanes = Annotated[int | None, typer.Option(min=1, max=256, rich_help_panel=_OPERATION)]
Alerts = Annotated[
    str,
    typer.Option(
        help="essential or all, as the variable alerts.level; none.", rich_help_panel=_OPERATION
    ),
]
ArchiveDays = Annotated[
    int, typer.Option(min=0, help="Of the archive; 0: none.", rich_help_panel=_OPERATION)
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FUNCTION.SETTING=VALUE",
        help="Such as drain.cpu=0.167: cpu, memory, concurrency, max_instances, every_minutes. "
        "Repeatable.",
        rich_help_panel=_OPERATION,
    ),
]
Topology = Annotated[
    str, typer.Option(metavar="FILE", help="Another topology.json.", rich_help_panel=_OPERATION)
]
MostLatency = Annotated[
    float | None,
    typer.Option(
        "--latency",
        min=0.1,
        metavar="SECONDS",
        help="Also find the cheapest settings with which 99 % of the events have their message in "
        "this time.",
        rich_help_panel=_RESULT,
    ),
]
Plot = Annotated[
    bool, typer.Option("--plot", help="Plot cost against latency.", rich_help_panel=_RESULT)
]
Compare = Annotated[
    bool,
    typer.Option(
        "--compare",
        help="Only a table: 0, 100k, 10M and 100M events a month, in both profiles.",
        rich_help_panel=_RESULT,
    ),
]
PriceFile = Annotated[
    str,
    typer.Option(
        "--prices", metavar="FILE", help="In the form of prices.toml.", rich_help_panel=_RESULT
    ),
]
NoFreeTier = Annotated[
    bool, typer.Option("--no-free-tier", help="Nothing is free.", rich_help_panel=_RESULT)
]
