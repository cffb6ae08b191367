"""The command `videovector-bridge cost`."""

from collections.abc import Sequence
from dataclasses import replace
from textwrap import fill
from typing import Any, Final, cast, get_args

import typer

from videovector_bridge.cli.cost import options
from videovector_bridge.cli.cost.cheapest import Choice, choose_cheapest, list_choices
from videovector_bridge.cli.cost.deployed import Deployment, change_deployment, read_deployment
from videovector_bridge.cli.cost.estimate import Estimate, estimate_month
from videovector_bridge.cli.cost.measured import Measured, read_measured
from videovector_bridge.cli.cost.part import Inputs, round_count
from videovector_bridge.cli.cost.prices import (
    Prices,
    find_missing,
    parse_prices,
    read_prices,
    without_free_tier,
)
from videovector_bridge.cli.cost.report import (
    choice_to_json,
    list_bill_lines,
    list_choice_lines,
    list_notes,
    to_json,
)
from videovector_bridge.cli.cost.workload import (
    DAYS_A_MONTH,
    AlertLevel,
    Operation,
    Pattern,
    Profile,
    Workload,
)
from videovector_bridge.cli.errors import NotReachedError
from videovector_bridge.cli.input_files import read_text
from videovector_bridge.cli.options import Json
from videovector_bridge.cli.output import print_json, print_message
from videovector_bridge.errors import SettingsError

EPILOG: Final = (
    "Example: videovector-bridge cost --events-per-month 10M --pattern office-hours --latency 60. "
    "Exit status: 0 done; 2 wrong usage, nothing was estimated; 3 no settings meet the latency."
)
COMPARED: Final = (0.0, 100e3, 10e6, 100e6)
"""Events a month of `--compare`."""
WIDTH: Final = 80
"""Columns of the output."""


def cost_command(
    *,
    events_per_month: options.EventsPerMonth = None,
    events_per_day: options.EventsPerDay = None,
    event_bytes: options.EventBytes = None,
    pattern: options.ArrivalPattern = "steady",
    matched: options.Matched = 0.3,
    action: options.Action = "upsert_marker",
    webhook_share: options.WebhookShare = 0.0,
    work_minutes: options.WorkMinutes = 10.0,
    api_seconds: options.ApiSeconds = 0.05,
    profile: options.ProfileName = "economy",
    streams: options.Streams = 1,
    every_minutes: options.EveryMinutes = None,
    window_seconds: options.WindowSeconds = None,
    idle_seconds: options.IdleSeconds = None,
    lanes: options.Lanes = None,
    alerts: options.Alerts = "essential",
    archive_days: options.ArchiveDays = 0,
    changes: options.Changes = None,
    topology: options.Topology = "",
    latency: options.MostLatency = None,
    plot: options.Plot = False,
    compare: options.Compare = False,
    price_file: options.PriceFile = "",
    no_free_tier: options.NoFreeTier = False,
    as_json: Json = False,
) -> None:
    """Estimate what a deployment costs a month, and the latency that this buys.

    It simulates the windows, messages and instances of a month with measured numbers, and applies
    a dated table of prices. It makes no request.
    """
    measured, problems = read_measured(), list[str]()
    prices = _read_prices(price_file, problems)
    deployment = _read_deployment(topology, changes or [], problems)
    a_day = None if events_per_day is None else events_per_day * DAYS_A_MONTH
    counts = [count for count in (events_per_month, a_day) if count is not None]
    if compare and (counts or latency is not None or plot):
        problems.append("--compare has its own numbers of events, and is a table only")
    elif not compare and len(counts) != 1:
        problems.append("Name either --events-per-month or --events-per-day")
    workload = Workload(
        events_a_month=counts[0] if counts else 0.0,
        event_bytes=_default(event_bytes, measured.event["data_bytes"]),
        pattern=cast("Pattern", pattern),
        matched_share=matched,
        action=action,
        webhook_share=webhook_share,
        work_minutes=work_minutes,
        api_seconds=api_seconds,
    )
    _check_names(workload, measured, profile, alerts, problems)
    if problems:
        raise SettingsError(problems)
    assert deployment is not None  # else there was a problem
    drain_seconds = deployment.every_seconds["drain"]
    operation = Operation(
        profile=cast("Profile", profile),
        streams=streams,
        every_seconds=round(drain_seconds) if every_minutes is None else 60 * every_minutes,
        window_seconds=_default(window_seconds, deployment.window.window_seconds),
        idle_seconds=_default(idle_seconds, deployment.window.idle_seconds),
        lanes=round(_default(lanes, deployment.window.lanes)),
        alerts=cast("AlertLevel", alerts),
        archive_days=archive_days,
    )
    _check_window(operation)
    inputs = Inputs(deployment, workload, operation, measured)
    prices = without_free_tier(prices) if no_free_tier else prices
    if compare:
        _compare(inputs, prices, as_json=as_json)
    else:
        _report(inputs, prices, most_seconds=latency, plot=plot, as_json=as_json)


def _report(
    inputs: Inputs, prices: Prices, *, most_seconds: float | None, plot: bool, as_json: bool
) -> None:
    estimate = estimate_month(inputs, prices)
    choices: list[Choice] = []
    if plot or most_seconds is not None:
        print_message("Simulating other schedules, windows and profiles...")
        choices = list(list_choices(inputs, prices))
    best = choose_cheapest(choices, prices, seconds=most_seconds) if most_seconds else None
    if as_json:
        print_json(
            to_json(estimate)
            | {
                "choices": [choice_to_json(choice) for choice in choices],
                "cheapest": best and _cheapest_to_json(best, inputs.deployment),
            }
        )
    else:
        _print_estimate(estimate, choices if plot else [])
        if best is not None:
            _print_cheapest(best, estimate)
    if most_seconds is not None and best is None:
        fastest = min(choice.seconds for choice in choices)
        raise NotReachedError(
            f"No settings meet a latency of {most_seconds:g} s. The fastest that were compared "
            f"need {fastest:g} s."
        )


def _print_estimate(estimate: Estimate, choices: Sequence[Choice]) -> None:
    for line in (*list_bill_lines(estimate), ""):
        typer.echo(line)
    for note in list_notes(estimate):
        typer.echo(fill(note, WIDTH))
    for line in ("", *list_choice_lines(choices)) if choices else ():
        typer.echo(line)


def _print_cheapest(best: Choice, now: Estimate) -> None:
    text = (
        f"Cheapest: ${best.usd:,.2f} a month instead of ${now.bill.usd:,.2f}; 99 % of the events "
        f"have their message within {best.seconds:g} s. As variables of Terraform:"
    )
    typer.echo("\n" + fill(text, WIDTH))
    for line in best.as_terraform(now.inputs.deployment):
        typer.echo(f"  {line}")


def _cheapest_to_json(best: Choice, before: Deployment) -> dict[str, Any]:
    return choice_to_json(best) | {"terraform": best.as_terraform(before)}


def _compare(inputs: Inputs, prices: Prices, *, as_json: bool) -> None:
    estimates = [
        estimate_month(
            replace(
                inputs,
                workload=replace(inputs.workload, events_a_month=count),
                operation=replace(inputs.operation, profile=profile),
            ),
            prices,
        )
        for count in COMPARED
        for profile in get_args(Profile)
    ]
    if as_json:
        print_json({"estimates": [to_json(estimate) for estimate in estimates]})
        return
    typer.echo(
        f"{'events':>7} {'profile':<8} {'$ a month':>10} {'without free tier':>18} "
        f"{'50 %':>8} {'99 %':>8} {'longest':>8}"
    )
    for estimate in estimates:
        latency, bill = estimate.latency, estimate.bill
        full = sum(cost.full_usd for cost in bill.parts)
        typer.echo(
            f"{round_count(estimate.inputs.workload.events_a_month):>7} "
            f"{estimate.inputs.operation.profile:<8} {bill.usd:>10,.2f} {full:>18,.2f} "
            f"{latency.p50:>6g} s {latency.p99:>6g} s {latency.longest:>6g} s"
        )


def _read_prices(file: str, problems: list[str]) -> Prices:
    own = read_prices()
    if not file:
        return own
    try:
        prices = parse_prices(read_text(file), file)
    except SettingsError as error:
        problems.extend(error.problems)
        return own
    if missing := find_missing(prices, own):
        problems.append(f"{file!r} lacks the prices {', '.join(missing)}")
    return prices


def _read_deployment(
    topology: str, changes: Sequence[str], problems: list[str]
) -> Deployment | None:
    pairs = [change.partition("=") for change in changes]
    try:
        if wrong := [change for change in changes if "=" not in change]:
            raise SettingsError([f"--set {each}: write FUNCTION.SETTING=VALUE" for each in wrong])
        return change_deployment(read_deployment(topology), {key: value for key, _, value in pairs})
    except SettingsError as error:
        problems.extend(error.problems)
        return None


def _check_names(
    workload: Workload, measured: Measured, profile: str, alerts: str, problems: list[str]
) -> None:
    for option, name, known in (
        ("--pattern", workload.pattern, get_args(Pattern)),
        ("--profile", profile, get_args(Profile)),
        ("--alerts", alerts, get_args(AlertLevel)),
        ("--action", workload.action, tuple(measured.actions)),
    ):
        if name not in known:
            problems.append(f"{option} must be one of {', '.join(known)}, not {name!r}")


def _check_window(operation: Operation) -> None:
    if operation.idle_seconds > operation.window_seconds:
        raise SettingsError(["--idle-seconds must not be above --window-seconds"])
    if operation.profile == "economy" and operation.window_seconds > operation.every_seconds:
        raise SettingsError(
            ["--window-seconds must not be above the schedule: the next call would find the lease"]
        )


def _default(value: float | None, default: float) -> float:
    return default if value is None else value
