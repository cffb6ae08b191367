"""An upgrade of a deployment that an older version made."""

from tests.acceptance.bridge import Bridge, check
from tests.acceptance.cloud import Cloud
from tests.acceptance.plans import find_deletions, find_losses
from tests.acceptance.steps.deploying import FUNCTION, SUBSCRIPTION
from tests.support import ROOT


def deploy_older(bridge: Bridge[Cloud]) -> str:
    """The older version can be applied."""
    bridge.apply()
    return f"{len(bridge.state.list_cloud_resources())} resources"


def plan_upgrade(bridge: Bridge[Cloud]) -> str:
    """The plan of the upgrade deletes no data, and replaces no function and no subscription."""
    bridge.workspace.copy_sources(ROOT)
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
