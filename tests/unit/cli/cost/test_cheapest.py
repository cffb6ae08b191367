"""`cli.cost.cheapest`: which settings are compared, and which are chosen."""

from dataclasses import replace

import pytest

from videovector_bridge.cli.cost.cheapest import (
    Choice,
    choose_cheapest,
    find_frontier,
    list_choices,
)
from videovector_bridge.cli.cost.deployed import read_deployment
from videovector_bridge.cli.cost.measured import read_measured
from videovector_bridge.cli.cost.part import Inputs
from videovector_bridge.cli.cost.prices import read_prices
from videovector_bridge.cli.cost.workload import Operation, Workload

PRICES = read_prices()
DEPLOYMENT = read_deployment()
INPUTS = Inputs(
    DEPLOYMENT,
    Workload(2e6, 700, "bursts", 0.3, "upsert_marker", 0.0, 10, 0.05),
    Operation("economy", 1, 60, 50.0, 10.0, 16, alerts="none"),
    read_measured(),
)


@pytest.fixture(scope="module")
def choices() -> list[Choice]:
    """All that are compared."""
    return list(list_choices(INPUTS, PRICES))


def test_the_present_settings_are_compared_too(choices: list[Choice]) -> None:
    """First, and once; `live` once."""
    operations = [choice.estimate.inputs.operation for choice in choices]

    assert operations[0] == INPUTS.operation
    assert len(set(operations)) == len(operations)
    assert [each.profile for each in operations].count("live") == 1


def test_of_the_fast_ones_the_cheapest_is_chosen(choices: list[Choice]) -> None:
    """With sizes that may make it cheaper still."""
    best = choose_cheapest(choices, PRICES, seconds=60)

    assert best is not None
    assert best.seconds <= 60
    assert best.usd <= min(choice.usd for choice in choices if choice.seconds <= 60)
    assert choose_cheapest(choices, PRICES, seconds=0.05) is None


def test_a_slower_goal_is_never_dearer(choices: list[Choice]) -> None:
    """It allows the same and more."""
    costs = []
    for seconds in (1, 60, 300, 3_600):
        best = choose_cheapest(choices, PRICES, seconds=seconds)
        assert best is not None
        costs.append(round(best.usd, 2))

    assert costs == sorted(costs, reverse=True)


def test_a_cpu_that_cannot_publish_in_time_is_not_chosen(choices: list[Choice]) -> None:
    """Six batches must be published in the last tenth of a window, here a second: 0.22 CPU."""
    large = {**DEPLOYMENT.sizes, "drain": replace(DEPLOYMENT.sizes["drain"], cpu=1.0)}
    deployment = replace(DEPLOYMENT, sizes=large)
    inputs = replace(
        choices[0].estimate.inputs,
        deployment=deployment,
        operation=replace(INPUTS.operation, window_seconds=10.0, idle_seconds=5.0),
    )
    best = choose_cheapest(
        [Choice(replace(choices[0].estimate, inputs=inputs))], PRICES, seconds=3_600
    )

    assert best is not None
    assert best.estimate.inputs.deployment.sizes["drain"].cpu == 0.333


def test_the_frontier_has_no_choice_that_another_beats(choices: list[Choice]) -> None:
    """Each is cheaper than all that are as fast."""
    frontier = find_frontier(choices)

    for choice in frontier:
        faster = [other for other in choices if other.seconds <= choice.seconds]
        assert choice.usd <= min(other.usd for other in faster) + 0.01
    assert frontier[0].estimate.inputs.operation.profile == "live"


def test_settings_are_written_for_terraform() -> None:
    """Only sizes that change; schedules as unix-cron."""
    sizes = {**DEPLOYMENT.sizes, "drain": replace(DEPLOYMENT.sizes["drain"], cpu=0.5)}
    for every, schedule in ((60, "* * * * *"), (900, "*/15 * * * *"), (7_200, "0 */2 * * *")):
        operation = replace(INPUTS.operation, every_seconds=every)
        inputs = replace(INPUTS, operation=operation, deployment=replace(DEPLOYMENT, sizes=sizes))
        estimate = next(list_choices(INPUTS, PRICES)).estimate
        lines = Choice(replace(estimate, inputs=inputs)).as_terraform(DEPLOYMENT)

        stream = f'schedule = "{schedule}", window_seconds = 50, idle_seconds = 10'
        assert lines == [
            'profile = "economy"',
            f"streams = {{ default = {{ {stream} }} }}",
            "functions = {",
            '  drain = { cpu = "0.5", concurrency = 1, max_instances = 10 }',
            "}",
        ]


def test_live_needs_no_schedule() -> None:
    """And nothing else if no size changes."""
    live = replace(INPUTS, operation=replace(INPUTS.operation, profile="live"))
    estimate = next(list_choices(INPUTS, PRICES)).estimate

    assert Choice(replace(estimate, inputs=live)).as_terraform(DEPLOYMENT) == ['profile = "live"']
