"""The command `cost`: tables, JSON, the cheapest settings, and wrong usage."""

import re
from pathlib import Path

import pytest

from tests.support.commands import run_command
from videovector_bridge.cli.cost.prices import FILE

MANY = ("--events-per-month", "10M")


def test_it_prints_parts_prices_and_latency() -> None:
    """Within 80 columns, with what is left out."""
    ran = run_command("cost", *MANY)

    assert (ran.status, ran.err) == (0, "")
    assert max(map(len, ran.out.splitlines())) <= 80
    assert re.search(
        r"^drain +43\.8k windows, .* of 0\.167 CPU +\d+\.\d\d +\d+\.\d\d$", ran.out, re.MULTILINE
    )
    assert re.search(r"^total, in \$ +\d+\.\d\d +\d+\.\d\d$", ran.out, re.MULTILINE)
    assert re.search(r"^run\.cpu +\S+ +180k vCPU s ", ran.out, re.MULTILINE)
    for words in ("Latency (economy)", "Free tiers used up: run.cpu", "Not included: taxes"):
        assert words in ran.out
    assert "were not verified with Google: " in ran.out
    assert "monitoring.metrics ?" in ran.out


def test_without_events_nothing_is_late() -> None:
    """And alerts and reads of secrets are all that costs something."""
    ran = run_command("cost", "--events-per-month", "0", "--alerts", "none")

    assert "Latency: no events of the stream" in ran.out
    assert "were not verified" not in ran.out
    assert re.search(r"^total, in \$ .* 0\.\d\d$", ran.out, re.MULTILINE)
    assert "Free tiers used up: secrets.accesses." in ran.out


def test_json_has_quantities_prices_and_sources() -> None:
    """With the sum, and the same numbers as the table."""
    document = run_command("cost", *MANY, "--json").json

    assert document["workload"]["events_a_month"] == 10_000_000
    assert document["operation"]["window_seconds"] == 20
    assert document["functions"]["drain"]["memory_gib"] == 0.5
    costs = sum(price["cost_usd"] for price in document["prices"])
    assert costs == pytest.approx(document["usd"], abs=0.01)
    assert sum(part["usd"] for part in document["parts"]) == pytest.approx(costs, abs=0.01)
    (cpu,) = [price for price in document["prices"] if price["sku"] == "run.cpu"]
    assert cpu["source"].startswith("https://")
    assert cpu["free_quantity"] == 180_000
    assert cpu["used_up"]
    assert document["measured"]["drain"]["command"]
    assert document["choices"] == []


def test_events_a_day_are_a_twelfth_of_a_year() -> None:
    """Of 365 days."""
    document = run_command("cost", "--events-per-day", "12", "--json").json

    assert document["workload"]["events_a_month"] == 365


def test_the_cheapest_settings_meet_the_latency() -> None:
    """They are printed as Terraform's variables, and not dearer than the present ones."""
    ran = run_command("cost", *MANY, "--latency", "60")
    document = run_command("cost", *MANY, "--latency", "60", "--json").json
    best = document["cheapest"]

    assert ran.status == 0
    assert best["p99_seconds"] <= 60
    assert best["usd"] <= document["usd"]
    assert best["profile"] == "economy"
    for line in best["terraform"]:
        assert line in ran.out
    assert 'schedule = "* * * * *"' in ran.out
    for choice in document["choices"]:
        assert choice["p99_seconds"] > 60 or choice["usd"] >= best["usd"] - 0.01


def test_a_short_latency_needs_live() -> None:
    """Windows by a schedule have gaps."""
    best = run_command("cost", *MANY, "--latency", "2", "--json").json["cheapest"]

    assert best["profile"] == "live"
    assert best["terraform"][0] == 'profile = "live"'


def test_no_settings_may_meet_the_latency() -> None:
    """Exit status 3, with the fastest that were compared."""
    ran = run_command("cost", *MANY, "--latency", "0.1")

    assert ran.status == 3
    assert "No settings meet a latency of 0.1 s. The fastest that were compared need" in ran.err


def test_the_plot_has_a_mark_for_each_row() -> None:
    """Of the choices that no other beats; live is the fastest and dearest."""
    ran = run_command("cost", *MANY, "--plot")
    rows = re.findall(r"^([a-z]) +(live|economy) .* s +([\d.]+)$", ran.out, re.MULTILINE)
    costs = [float(usd) for _, _, usd in rows]

    assert max(map(len, ran.out.splitlines())) <= 80
    assert rows[0][1] == "live"
    assert costs == sorted(costs, reverse=True)
    assert len(rows) > 3
    assert "latency: 99 %" in ran.out


def test_compare_has_a_row_for_each_number_of_events_and_profile() -> None:
    """More events cost more; live costs more than economy."""
    ran = run_command("cost", "--compare")
    estimates = run_command("cost", "--compare", "--json").json["estimates"]

    rows = re.findall(r"^ *(\w+) (economy|live) +([\d.]+) ", ran.out, re.MULTILINE)
    assert [row[:2] for row in rows] == [
        (count, profile)
        for count in ("0", "100k", "10M", "100M")
        for profile in ("economy", "live")
    ]
    assert [f"{estimate['usd']:.2f}" for estimate in estimates] == [usd for _, _, usd in rows]
    assert max(map(len, ran.out.splitlines())) <= 80


def test_prices_can_be_replaced(tmp_path: Path) -> None:
    """By a complete table of the same form."""
    file = tmp_path / "mine.toml"
    text = FILE.read_text(encoding="utf-8")
    file.write_text(text.replace("usd = 0.40", "usd = 4000.0"), encoding="utf-8")
    free = run_command("cost", *MANY, "--prices", str(file), "--json").json
    all_paid = run_command("cost", *MANY, "--prices", str(file), "--no-free-tier", "--json").json

    assert all_paid["usd"] > free["usd"] + 4_000 * 0.08
    assert {price["free_quantity"] for price in all_paid["prices"]} == {0}
    assert not any(price["used_up"] for price in all_paid["prices"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "Name either --events-per-month or --events-per-day"),
        ((*MANY, "--events-per-day", "1"), "Name either --events-per-month or --events-per-day"),
        ((*MANY, "--compare"), "--compare has its own numbers of events"),
        ((*MANY, "--pattern", "x"), "--pattern must be one of steady, office-hours, "),
        ((*MANY, "--profile", "x"), "--profile must be one of economy, live, not 'x'"),
        ((*MANY, "--action", "x"), "--action must be one of upsert_marker, "),
        ((*MANY, "--set", "drain.cpu"), "--set drain.cpu: write FUNCTION.SETTING=VALUE"),
        ((*MANY, "--set", "drain.cpu=x"), "--set drain.cpu must be a number above 0, not 'x'"),
        ((*MANY, "--topology", "none.json"), "'none.json' cannot be read"),
        ((*MANY, "--prices", "none.toml"), "'none.toml' cannot be read"),
        ((*MANY, "--idle-seconds", "60"), "--idle-seconds must not be above --window-seconds"),
        ((*MANY, "--window-seconds", "90"), "--window-seconds must not be above the schedule"),
        (("--events-per-month", "many"), "'many' is no number of events"),
        (("--events-per-month", "nan"), "'nan' is no number of events"),
        ((*MANY, "--matched", "2"), "Invalid value for '--matched'"),
    ],
)
def test_wrong_usage_is_named(arguments: tuple[str, ...], problem: str) -> None:
    """Exit status 2, and nothing is estimated."""
    ran = run_command("cost", *arguments)

    assert (ran.status, ran.out) == (2, "")
    assert problem in ran.err


def test_an_incomplete_table_of_prices_is_refused(tmp_path: Path) -> None:
    """The message names what it lacks."""
    file = tmp_path / "mine.toml"
    first, second, *_ = FILE.read_text(encoding="utf-8").split("\n[[price]]\n")
    file.write_text(f"{first}\n[[price]]\n{second}", encoding="utf-8")
    ran = run_command("cost", *MANY, "--prices", str(file))

    assert ran.status == 2
    assert "lacks the prices firestore.deletes, " in ran.err
