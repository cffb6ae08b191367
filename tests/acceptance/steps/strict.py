"""An organization with a key of its own, without public access, where grants take time."""

from tests.acceptance.bridge import Bridge
from tests.acceptance.fake import FakeCloud

_SECRET = "videovector-webhook-secrets"  # pragma: allowlist secret


def deploy_with_late_grants(bridge: Bridge[FakeCloud]) -> str:
    """The first apply succeeds with a key, while grants are effective late and agents are lazy."""
    bridge.cloud.create_service_agents(bigquery=True)
    bridge.apply()
    bridge.check_functions_run()
    bridge.check_empty_plan()
    return f"{len(bridge.state.list_cloud_resources())} resources"


def rotate_key(bridge: Bridge[FakeCloud]) -> None:
    """The plan is empty after the key got a new primary version."""
    bridge.cloud.rotate_key()
    bridge.check_empty_plan()


def destroy_secret_versions(bridge: Bridge[FakeCloud]) -> None:
    """The plan is empty after old versions of the webhook's secret were destroyed."""
    for version in (1, 2):
        bridge.cloud.add_secret_version(_SECRET)
        if version > 1:
            bridge.cloud.destroy_secret_version(_SECRET, version - 1)
    bridge.check_empty_plan()


def open_to_load_balancer(bridge: Bridge[FakeCloud]) -> None:
    """The webhook can be opened to a load balancer where allUsers is forbidden."""
    bridge.set(webhook={"access": "load_balancer"})
    bridge.apply()
    bridge.check_empty_plan()
