"""An upgrade of a deployment that an older version made."""

from functools import partial

from infra.deploy.old_addresses import find_moves
from infra.deploy.resources import list_resources
from tests.acceptance.bridge import Bridge, check
from tests.acceptance.cloud import Cloud
from tests.acceptance.plans import find_deletions, find_losses
from tests.acceptance.steps.deploying import FUNCTION, SUBSCRIPTION, narrow_filter
from tests.support import ROOT

# Its filter is not the one of the older version, as after a change of automations.
_OWN_FILTER = "delete-markers"


def deploy_older(bridge: Bridge[Cloud]) -> str:
    """The older version can be applied, with a filter of its own."""
    bridge.workspace.edit_topology(partial(narrow_filter, name=_OWN_FILTER))
    bridge.apply()
    return f"{len(bridge.state.list_cloud_resources())} resources"


def plan_upgrade(bridge: Bridge[Cloud]) -> str:
    """The plan of the upgrade deletes no data, and replaces no function and no subscription."""
    bridge.workspace.copy_sources(ROOT)
    bridge.workspace.edit_topology(partial(narrow_filter, name=_OWN_FILTER))
    # `make deploy` renames every push subscription. Here it is only the one that moved.tf cannot.
    for move in find_moves(list_resources(bridge.workspace.read_state_file())):
        if f'["{_OWN_FILTER}"]' in move.source:
            bridge.workspace.rename(move.source, move.target)
    report = bridge.workspace.plan(bridge.variables)
    check(report.errors)
    check(
        [
            *find_losses(report.changes),
            *find_deletions(report.changes, FUNCTION),
            *find_deletions(report.changes, SUBSCRIPTION),
        ]
    )
    return f"{len(report.changes)} changes"


def upgrade(bridge: Bridge[Cloud]) -> str:
    """The upgrade succeeds in one apply, every function runs, and the plan after it is empty."""
    bridge.apply()
    bridge.check_functions_run()
    bridge.check_empty_plan()
    return f"{len(bridge.state.list_cloud_resources())} resources"
