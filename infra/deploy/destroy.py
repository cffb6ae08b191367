"""`make destroy`: delete a deployment, except data that is protected."""

import json
import shlex
import tempfile
from pathlib import Path

from infra.deploy import gcloud, keep_data, prepare, state, terraform
from infra.deploy.keep_data import Selection
from infra.deploy.old_addresses import is_old
from infra.deploy.processes import FailedError, read_output, run_step
from infra.deploy.resources import Resource, list_resources
from infra.deploy.settings import Deployment, Settings
from infra.deploy.state import Place


def destroy(settings: Settings) -> None:
    """Delete everything, or everything but protected data. Raises `FailedError` if a step fails."""
    deployment = settings.deployment
    prepare.check_approver(settings)
    prepare.check(settings)
    place = state.prepare(deployment, create=False)
    if place is Place.NOWHERE:
        raise FailedError(
            f"No state in gs://{deployment.state_bucket}: there is nothing to destroy."
        )
    run_step(terraform.init(), "Terraform: init")
    resources = list_resources(state.read())
    if not resources:
        raise FailedError(f"{_describe_empty(deployment, place)}: there is nothing to destroy.")
    if not keep_data.is_protected(resources):
        shared = keep_data.find_shared(resources)
        if shared:
            # Without an approval this has no effect: the next apply makes the same grants.
            run_step(terraform.forget(shared), "Leaving the grants on kms_key to other bridges")
        _delete(settings, Selection((), ()), "Destroy all of this?")
        print(_describe_end(deployment, place, resources))
        return
    if is_old(resources):
        raise FailedError(
            "An earlier version deployed this, with other addresses in the state. Run `make "
            "deploy` first, which renames them, or destroy with the version that deployed."
        )
    selection = keep_data.select(resources)
    if selection.targets:
        _delete(settings, selection, "Destroy this, and keep what holds data?")
    print(_describe_kept(selection))


def _delete(settings: Settings, selection: Selection, question: str) -> None:
    """Plan, check that the plan deletes nothing that stays, ask, apply."""
    with tempfile.TemporaryDirectory(prefix="videovector-plan-") as folder:
        file = Path(folder) / "plan"
        command = terraform.plan(settings.deployment, file, destroy=True, targets=selection.targets)
        run_step(command, "Terraform: plan")
        plan = json.loads(read_output(terraform.show(file)))
        deleted = {
            change["address"]
            for change in plan.get("resource_changes", ())
            if "delete" in change["change"]["actions"]
        }
        lost = [resource.title for resource in selection.kept if resource.address in deleted]
        if lost:
            raise FailedError(
                f"Refused: this plan deletes {', '.join(lost)}, which must stay. Please report it. "
                "Nothing was deleted."
            )
        prepare.ask(settings, question)
        try:
            run_step(terraform.apply(file), "Terraform: apply")
        except FailedError as error:
            raise FailedError(f"{error} The same command continues.") from None


def _describe_empty(deployment: Deployment, place: Place) -> str:
    """Say that the state is empty, and which states there are: NAME may be wrong."""
    others = state.list_others(deployment) if place is Place.BUCKET else []
    existing = f" (there are: {', '.join(others)})" if others else ""
    return f"The state {deployment.state_url} has no resources{existing}"


def _describe_kept(selection: Selection) -> str:
    lines = "".join(f"\n  {resource.title:<50} {resource.data}" for resource in selection.kept)
    return (
        "Destroyed, except what holds data, because deletion_protection is on:"
        f"{lines}\n"
        "These remain in the state, so `make deploy` with the same settings continues with them.\n"
        "To delete them too: set deletion_protection = false in VARS, then `make deploy`, then\n"
        "`make destroy`. The API key and the state are kept for both."
    )


def _describe_end(deployment: Deployment, place: Place, resources: list[Resource]) -> str:
    lines = f"\n  the API key: {shlex.join(gcloud.delete_secret(deployment))}"
    if place is Place.BUCKET:
        lines += f"\n  the state: {shlex.join(gcloud.remove_state(deployment))}"
    wait = "".join(
        f"\nGoogle keeps the name of the deleted {each.title} for about five minutes: until then, "
        "`make deploy` cannot create it again."
        for each in resources
        if each.type == "google_firestore_database"
    )
    return (
        "Destroyed. These remain; if no other deployment uses the key, remove them with:"
        f"{lines}{wait}"
    )
