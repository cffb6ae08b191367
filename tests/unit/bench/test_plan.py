"""What the command line asks for."""

import pytest

from tests.bench.plan import FULL, QUICK, parse_plan


def test_without_options_everything_is_measured() -> None:
    """In five rounds, and up to a million events."""
    plan = parse_plan("", [])

    assert plan == FULL
    assert plan.rounds == 5
    assert plan.flood == 1_000_000


def test_quick_measures_a_little_of_everything() -> None:
    """One round; no section is left out, and none is larger than in the full bench."""
    plan = parse_plan("", ["--quick"])

    assert plan == QUICK
    assert plan.rounds == 1
    assert len(plan.scale) >= 3  # two points are always on a line
    assert plan.rates
    assert plan.deliveries
    assert plan.messages
    assert plan.flood <= FULL.flood / 50


def test_events_and_rounds_can_be_chosen() -> None:
    """Also for a quick bench; the flood has enough events."""
    plan = parse_plan("", ["--quick", "--events", "40000", "--rounds", "2"])

    assert (plan.events, plan.rounds, plan.flood) == (40_000, 2, 40_000)
    assert plan.scale == QUICK.scale


@pytest.mark.parametrize("arguments", [["--events", "1999"], ["--rounds", "0"]])
def test_a_wrong_value_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the name of the option."""
    with pytest.raises(SystemExit) as exited:
        parse_plan("", arguments)

    assert exited.value.code == 2
    assert f"{arguments[0]} must be at least" in capsys.readouterr().err
