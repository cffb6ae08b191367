"""The checks of grants: what the operator may do, and what the functions' accounts may."""

from collections.abc import Iterator, Mapping

from videovector_bridge.backends.inventory_port import Inventory, Resource
from videovector_bridge.cli.operate.doctor.context import SECONDS, CheckContext, attempt, only_cloud
from videovector_bridge.errors import BackendError
from videovector_bridge.redact import clean_text
from videovector_bridge.watch.doctor import grants
from videovector_bridge.watch.doctor.finding import Finding

_REVIEWER = "reading grants needs roles/iam.securityReviewer"


def check_grants(context: CheckContext) -> Iterator[Finding]:
    """Whether the operator has the permissions of the commands, by testIamPermissions."""
    deployment, inventory = context.target.deployment, context.target.inventory
    if context.target.is_local or inventory is None:
        yield only_cloud()
        return
    for need in grants.find_operator_needs(deployment):
        yield from _check_need(need, inventory, deployment.backend.project)


def _check_need(need: grants.OperatorNeed, inventory: Inventory, project: str) -> Iterator[Finding]:
    return attempt(
        str(need.resource),
        lambda: inventory.allowed(need.resource, [need.permission], timeout=SECONDS),
        lambda allowed: grants.judge_operator(need, allowed, project),
    )


def check_accounts(context: CheckContext) -> Iterator[Finding]:
    """Whether the functions' accounts have their roles on each resource itself.

    testIamPermissions speaks of the caller only, so the policies of the resources are read.
    """
    deployment, inventory = context.target.deployment, context.target.inventory
    if context.target.is_local or inventory is None:
        yield only_cloud()
        return
    needs = list(grants.find_account_needs(deployment))
    policies: dict[Resource, Mapping[str, frozenset[str]]] = {}
    for resource in dict.fromkeys(need.resource for need in needs):
        try:
            policies[resource] = inventory.policy(resource, timeout=SECONDS)
        except BackendError as error:
            text = clean_text(f"{_REVIEWER}. {error}", limit=500)
            yield Finding(str(resource), "not checked", text)
    for function in deployment.functions:
        own = [each for each in needs if each.function == function.name]
        known = [each for each in own if each.resource in policies]
        project = deployment.backend.project
        findings = [
            finding
            for each in known
            if (finding := grants.judge_account(each, policies[each.resource], project))
        ]
        yield from findings
        if not findings and known:
            text = f"its account has {len(known)} of {len(own)} roles; the others are not checked"
            if len(known) == len(own):
                text = f"its account has its {len(own)} roles"
            yield Finding(function.name, "ok", text)
