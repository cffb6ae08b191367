"""What Terraform sets is what the code reads, and what it makes is what the topology names."""

import json
import re

import pytest

from infra.local.functions import ROOT
from videovector_bridge.settings import drain_settings, subscriber_settings
from videovector_bridge.settings.webhook import webhook_settings

INFRA = ROOT / "infra"
FUNCTIONS_TF = (INFRA / "functions.tf").read_text(encoding="utf-8")
TOPOLOGY = json.loads((INFRA / "topology.json").read_text(encoding="utf-8"))
# Read by the host, functions-framework, not by us.
HOSTS_OWN = {"THREADS"}


class Reads(dict[str, str]):
    """An environment that notes what is asked of it."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]  # as it is used
        """Note the question, and answer it."""
        self.asked.add(key)
        return super().get(key, default)


def asked_by_the_code() -> set[str]:
    """Every variable that the settings of some function ask for."""
    values = {
        "GOOGLE_CLOUD_PROJECT": "test-project",
        "VIDEO_VECTOR_API_KEY": "made-up",  # pragma: allowlist secret
        "WEBHOOK_SECRETS": "made-up",  # pragma: allowlist secret
    }
    found: set[str] = set()
    for read in (drain_settings, subscriber_settings, webhook_settings):
        environment = Reads(values)
        read(environment)
        found |= environment.asked
    return found


def set_by_terraform() -> set[str]:
    """Every variable in functions.tf, and those that the topology sets."""
    named = set(re.findall(r"^\s*([A-Z][A-Z_]+)\s*=", FUNCTIONS_TF, re.MULTILINE))
    named |= set(re.findall(r"{ ([A-Z][A-Z_]+) =", FUNCTIONS_TF))
    named |= set(re.findall(r'variable = "([A-Z_]+)"', FUNCTIONS_TF))
    own = {name for each in TOPOLOGY["functions"].values() for name in each.get("environment", {})}
    # The names of secrets in the topology stand for the variables that name their files.
    secrets = {name for each in TOPOLOGY["functions"].values() for name in each["secrets"]}
    return (named | own) - secrets


def test_terraform_sets_what_the_code_reads() -> None:
    """No variable is set in vain, or misspelt."""
    assert len(set_by_terraform()) > 10
    assert set_by_terraform() - HOSTS_OWN <= asked_by_the_code()


def test_every_secret_of_the_topology_is_mounted() -> None:
    """As the file that the function reads it from."""
    secrets = {name for each in TOPOLOGY["functions"].values() for name in each["secrets"]}

    for name in secrets:
        assert f'variable = "{name}_FILE"' in FUNCTIONS_TF


@pytest.mark.parametrize("name", TOPOLOGY["functions"])
def test_what_a_function_may_use_fits_together(name: str) -> None:
    """Its timeout is below what waits for it, and several requests at once take a whole CPU."""
    function = TOPOLOGY["functions"][name]
    resources = function["resources"]

    assert resources["concurrency"] == 1 or float(resources["cpu"]) >= 1
    threads = int(function.get("environment", {}).get("THREADS", 4))
    assert threads >= resources["concurrency"]
    for subscription in TOPOLOGY["subscriptions"].values():
        if subscription.get("function") == name:
            assert resources["timeout_seconds"] <= subscription["ack_deadline_seconds"]
    assert set(function["publishes"]) <= set(TOPOLOGY["topics"])
