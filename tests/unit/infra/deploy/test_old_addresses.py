"""Addresses of version 0.1.0 that `make deploy` renames in the state."""

from infra.deploy.old_addresses import find_moves, is_old
from infra.deploy.resources import list_resources
from tests.support.recorded_terraform import read_recorded

PUSH = "google_pubsub_subscription.push"
GRANT = "google_pubsub_subscription_iam_member.dead_letter"


def test_push_subscriptions_and_their_grants_are_renamed() -> None:
    """The new key is the name in Google Cloud, which has the hash of the filter."""
    resources = list_resources(read_recorded("state_0_1_0"))
    moves = {move.source: move.target for move in find_moves(resources)}

    assert is_old(resources)
    assert len(moves) == 12
    for address in (PUSH, GRANT):
        assert moves[f'{address}["upsert-markers"]'] == (
            f'module.bridge.{address}["upsert-markers-6b16d4fe"]'
        )


def test_the_prefix_is_not_part_of_the_key() -> None:
    """It is that of the topics."""
    state = read_recorded("state_0_1_0")
    for resource in state["resources"]:
        for instance in resource["instances"]:
            if "name" in instance["attributes"]:
                instance["attributes"]["name"] = f"two-{instance['attributes']['name']}"

    targets = {move.target for move in find_moves(list_resources(state))}

    assert f'module.bridge.{PUSH}["run-searches-0eb15754"]' in targets


def test_a_state_with_new_addresses_has_no_moves() -> None:
    """Nor has an empty one."""
    resources = list_resources(read_recorded("state"))

    assert find_moves(resources) == find_moves([]) == []
    assert not is_old(resources)


def test_a_repeated_run_renames_the_rest() -> None:
    """The first one was killed after any of its moves."""
    resources = list_resources(read_recorded("state_0_1_0"))
    moves = find_moves(resources)
    for done in range(len(moves)):
        renamed = {move.source for move in moves[:done]}
        left = [each for each in resources if each.address not in renamed]

        assert find_moves(left) == moves[done:]
