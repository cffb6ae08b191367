"""A second bridge in the project of the first."""

from tests.acceptance.bridge import Bridge, check
from tests.acceptance.fake import FakeCloud

_PREFIX = "two-"
_OWN = ("database", "buckets", "topics", "subscriptions", "functions", "service_accounts")


def fail_second_bridge(bridge: Bridge[FakeCloud]) -> str:
    """The first apply of a second bridge fails with a build, and applying again completes it."""
    second = _second(bridge)
    bridge.cloud.break_builds(second.workspace.functions, [f"{_PREFIX}upsert-markers"])
    report = second.apply_to_fail()
    bridge.cloud.repair_builds(second.workspace.functions)
    second.apply()
    second.check_functions_run()
    second.check_empty_plan()
    return f"failed first: {len(report.failed_addresses)} function"


def share_nothing(bridge: Bridge[FakeCloud]) -> None:
    """Two bridges share no resource, and the second one leaves the first one's plan empty."""
    first, second = bridge.state, _second(bridge).state
    check(
        [
            f"both bridges have the same output {name}: {first.outputs[name]}"
            for name in _OWN
            if first.outputs[name] == second.outputs[name]
        ]
    )
    bridge.check_empty_plan()


def destroy_second_bridge(bridge: Bridge[FakeCloud]) -> None:
    """Destroying the second bridge deletes all of it, and leaves the first one's plan empty."""
    second = _second(bridge)
    check(second.workspace.destroy(second.variables).errors)
    check([f"{address} is left in the state" for address in second.state.list_cloud_resources()])
    own = [key for key in bridge.cloud.list_keys() if _PREFIX in key or "two_" in key]
    check([f"{key} is left in the cloud" for key in sorted(own) if "/collectionGroups/" not in key])
    bridge.check_empty_plan()


def _second(bridge: Bridge[FakeCloud]) -> Bridge[FakeCloud]:
    variables = {"prefix": _PREFIX, "bigquery": {}, "deletion_protection": False}
    return bridge.beside("second", variables)
