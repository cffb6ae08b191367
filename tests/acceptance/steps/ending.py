"""The end of a deployment, with protected data and without."""

from infra.deploy.keep_data import select
from infra.deploy.resources import list_resources
from tests.acceptance.bridge import Bridge, check
from tests.acceptance.cloud import Cloud
from tests.acceptance.steps.deploying import FUNCTION

_DATABASE = "module.bridge.google_firestore_database.this[0]"
_CLAIMS = "module.bridge.google_storage_bucket.claims"
_TABLE = "module.bridge.google_bigquery_table.events[0]"
_KEPT = (_DATABASE, _CLAIMS, _TABLE)


def destroy_protected(bridge: Bridge[Cloud]) -> str:
    """`make destroy` with protection leaves database, table and buckets, in the state too."""
    bridge.cloud.write_object(bridge.state.outputs["buckets"]["claims"], "claim")
    selection = select(list_resources(bridge.workspace.read_state_file()))
    report = bridge.workspace.destroy(bridge.variables, selection.targets)
    left = bridge.state.resources
    check(
        [
            *report.errors,
            *(f"{address} is not in the state" for address in _KEPT if address not in left),
            *(f"{address} is left" for address in left if FUNCTION in address),
        ]
    )
    return f"{len(bridge.state.list_cloud_resources())} resources stay"


def deploy_again(bridge: Bridge[Cloud]) -> str:
    """An apply after that destroy continues with the data that stayed, and the plan is empty."""
    report = bridge.apply()
    check(
        [
            f"{change.address} stayed, but the apply did {change.action} it"
            for change in report.changes
            if change.address in _KEPT
        ]
    )
    bridge.check_functions_run()
    bridge.check_empty_plan()
    return f"{len(bridge.state.list_cloud_resources())} resources"


def destroy(bridge: Bridge[Cloud]) -> None:
    """Without protection, a destroy deletes everything, full buckets too."""
    bridge.set(deletion_protection=False)
    bridge.apply()
    check(bridge.workspace.destroy(bridge.variables).errors)
    check([f"{address} is left in the state" for address in bridge.state.list_cloud_resources()])
    check(bridge.cloud.find_remains())
