"""`cli.cost.instances`: billed time and starts of a function."""

import pytest

from videovector_bridge.cli.cost.deployed import Size
from videovector_bridge.cli.cost.instances import Service, simulate_instances

SERVICE = Service(waiting=0.08, cpu=0.004, start_cpu=1.2, idle_seconds=900)
LARGE = Size(cpu=1.0, memory_gib=0.5, concurrency=16, max_instances=3)
SMALL = Size(cpu=0.2, memory_gib=0.5, concurrency=1, max_instances=10)
START = 1.2


def test_the_rate_of_an_instance_is_the_measured_one() -> None:
    """16 at once wait for VideoVector; with little CPU, that is the limit."""
    assert SERVICE.rate(LARGE) == pytest.approx(16 / 0.084)
    assert SERVICE.rate(SMALL) == pytest.approx(1 / 0.1)
    assert Service(0.0, 0.01, 1.2, 900).rate(LARGE) == pytest.approx(100)


def test_requests_one_at_a_time_are_billed_each() -> None:
    """Its duration, and half a step of 100 ms for rounding."""
    result = simulate_instances({0: 1.0, 100: 1.0}, SERVICE, SMALL)

    assert result.requests == 2
    assert result.starts == 1
    assert result.instance_seconds == pytest.approx(2 * 0.15 + START / 0.2)


def test_requests_at_once_share_the_time_of_an_instance() -> None:
    """A hundred in a second cost less than a second, and more than one of them."""
    many = simulate_instances({0: 100.0}, SERVICE, LARGE).instance_seconds - START
    one = simulate_instances({0: 1.0}, SERVICE, LARGE).instance_seconds - START

    assert one == pytest.approx(0.13, abs=0.01)
    assert 0.5 < many < 1.01


def test_what_does_not_fit_is_handled_later() -> None:
    """At the rate of all instances; the delay is that of the last request."""
    capacity = 3 * 16 / 0.084
    result = simulate_instances({10: 10 * capacity}, SERVICE, LARGE)

    assert result.longest_delay == pytest.approx(10)
    assert result.starts == 3
    assert result.instance_seconds - 3 * START == pytest.approx(30, rel=0.01)


def test_waiting_requests_are_handled_between_others() -> None:
    """A later second finds only what is left."""
    capacity = 3 * 16 / 0.084
    result = simulate_instances({0: 2 * capacity, 10: 1.0}, SERVICE, LARGE)

    assert result.longest_delay == pytest.approx(2)


def test_an_instance_without_requests_for_long_is_gone() -> None:
    """It starts again."""
    assert simulate_instances({0: 1.0, 901: 1.0}, SERVICE, LARGE).starts == 2
    assert simulate_instances({0: 1.0, 899: 1.0}, SERVICE, LARGE).starts == 1


def test_nothing_costs_nothing() -> None:
    """No request, no instance."""
    result = simulate_instances({}, SERVICE, LARGE)

    assert (result.requests, result.instance_seconds, result.starts) == (0, 0, 0)
