"""Whether each function runs the deployed source."""

from infra.deploy.resources import list_resources
from infra.deploy.source_check import Stale, find_addresses, find_stale
from tests.support.recorded_terraform import read_recorded

OUTPUTS = read_recorded("outputs")


def test_a_deployment_without_failures_is_not_stale() -> None:
    """Every function has the hash of the source."""
    assert find_stale(OUTPUTS, read_recorded("functions")) == []


def test_a_function_with_another_hash_is_stale() -> None:
    """The build of its update failed, so the old revision still runs."""
    functions = read_recorded("functions")
    for function in functions:
        if function["name"].endswith("/drain"):
            function["serviceConfig"]["environmentVariables"]["SOURCE_HASH"] = "old"
        if function["name"].endswith("/run-searches"):
            del function["serviceConfig"]["environmentVariables"]

    assert find_stale(OUTPUTS, functions) == [
        Stale("drain", "it runs another source"),
        Stale("run-searches", "it runs another source"),
    ]


def test_a_function_that_is_not_active_is_stale() -> None:
    """Or does not exist."""
    functions = [each for each in read_recorded("functions") if "drain" not in each["name"]]
    functions[0] |= {"state": "FAILED"}
    name = functions[0]["name"].rpartition("/")[2]

    assert find_stale(OUTPUTS, functions) == [
        Stale("drain", "it does not exist"),
        Stale(name, "its state is FAILED"),
    ]


def test_functions_of_others_do_not_matter() -> None:
    """A project may have several bridges."""
    other = {"name": "projects/p/locations/r/functions/two-drain", "state": "FAILED"}

    assert find_stale(OUTPUTS, [*read_recorded("functions"), other]) == []


def test_the_address_of_a_function_is_in_the_state() -> None:
    """For the command that replaces it."""
    addresses = find_addresses(list_resources(read_recorded("state")))

    assert addresses["drain"] == 'module.bridge.google_cloudfunctions2_function.this["drain"]'
