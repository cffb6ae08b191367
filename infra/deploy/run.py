"""`make plan` and `make deploy`: prepare the project, plan, check the plan, apply it, verify."""

import json
import shlex
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from infra.deploy import filter_changes, gcloud, plan_checks, prepare, state, terraform
from infra.deploy.filter_changes import Replacement
from infra.deploy.old_addresses import find_moves
from infra.deploy.planner import Planned, Planner
from infra.deploy.processes import FailedError, read_output, run_step
from infra.deploy.resources import list_resources
from infra.deploy.settings import Deployment, Settings
from infra.deploy.source_check import Stale, find_addresses, find_stale
from infra.deploy.state import Place

_CONTINUE = (
    "Nothing needs a repair by hand: the same command continues where this one stopped. A grant or "
    "an API that is a minute old may not be effective yet, and a build may fail for a moment."
)


def plan(settings: Settings) -> None:
    """Show the changes of a deployment, and what would refuse it. Changes nothing.

    Raises `FailedError` if a step fails, or if `deploy` would refuse the plan.
    """
    deployment = settings.deployment
    prepare.check(settings)
    prepare.check_filters(deployment)
    place = state.prepare(deployment, create=False)
    if place is Place.NOWHERE:
        print("State: none yet, so this is the plan of an empty project.")
    run_step(terraform.init(), "Terraform: init")
    moves = find_moves(list_resources(state.read()))
    with tempfile.TemporaryDirectory(prefix="videovector-plan-") as folder:
        planned = _make_planner(deployment, Path(folder), place).plan()
    if moves:
        print(
            f"`make deploy` first renames {len(moves)} resources of an earlier version in the "
            "state, so its plan has fewer changes than this one. A filter of your own makes a "
            "subscription look deleted and created here."
        )
    _announce(deployment, planned, datetime.now(UTC))


def deploy(settings: Settings) -> None:
    """Deploy. Raises `FailedError` if a step fails; the same command continues then."""
    deployment = settings.deployment
    prepare.check_approver(settings)
    prepare.check(settings)
    prepare.check_filters(deployment)
    run_step(gcloud.enable_apis(deployment), "Enabling APIs")
    prepare.prepare_secret(settings)
    place = state.prepare(deployment, create=True)
    run_step(terraform.init(), "Terraform: init")
    moves = find_moves(list_resources(state.read()))
    if moves:
        state.rename(moves)
    with tempfile.TemporaryDirectory(prefix="videovector-plan-") as folder:
        planner = _make_planner(deployment, Path(folder), place)
        planned = planner.plan()
        if planned.has_changes:
            _apply(settings, planner, planned)
        _verify(planner, planned)
    print(
        "Deployed. For webhooks, run the command in the output webhook_command "
        "(`pip install '.[cli]'` installs what it needs)."
    )


def _make_planner(deployment: Deployment, folder: Path, place: Place) -> Planner:
    others = state.read_others(deployment) if place is Place.BUCKET else {}
    return Planner(deployment, folder, others)


def _apply(settings: Settings, planner: Planner, planned: Planned) -> None:
    """Ask, apply, try once more if it may be repeated, and redeliver what subscriptions lost."""
    deployment, started = settings.deployment, datetime.now(UTC)
    replacements = _announce(deployment, planned, started)
    prepare.ask(settings, "Apply this plan?")
    # The grants on the key fail as long as Google has not created the agents.
    if plan_checks.creates(planned.content, "google_kms_crypto_key_iam_member"):
        bigquery = plan_checks.read_variable(planned.content, "bigquery") is not None
        prepare.create_agents(deployment, bigquery=bigquery)
    try:
        run_step(terraform.apply(planned.file), "Terraform: apply")
    except FailedError as error:
        if not settings.approved:
            raise _make_failure(error, deployment, replacements, started) from None
        print(f"{error} {_CONTINUE}\nTrying once more in {settings.retry_seconds} s.", flush=True)
        time.sleep(settings.retry_seconds)
        try:
            replacements += _apply_again(planner, planned)
        except FailedError as second:
            raise _make_failure(second, deployment, replacements, started) from None
    for replacement in dict.fromkeys(replacements):
        _redeliver(deployment, replacement, started)


def _apply_again(planner: Planner, first: Planned) -> list[Replacement]:
    """Plan and apply without another question; return the subscriptions that this replaces too."""
    planned = planner.plan(first)
    if planned.has_changes:
        run_step(terraform.apply(planned.file), "Terraform: apply")
    return filter_changes.find_replacements(planned.content)


def _make_failure(
    error: FailedError, deployment: Deployment, replacements: list[Replacement], started: datetime
) -> FailedError:
    """Say how to continue after a failed apply, and what to run then."""
    commands = "".join(
        f"\n  {shlex.join(filter_changes.redeliver(deployment, replacement, started))}"
        for replacement in replacements
    )
    seek = f"\nWhen it has succeeded, redeliver events with:{commands}" if commands else ""
    return FailedError(f"{error} {_CONTINUE}{seek}")


def _redeliver(deployment: Deployment, replacement: Replacement, started: datetime) -> None:
    command = filter_changes.redeliver(deployment, replacement, started)
    try:
        run_step(command, f"Redelivering to {replacement.new}")
    except FailedError as error:
        raise FailedError(
            f"{error} The apply has succeeded; to redeliver, run:\n  {shlex.join(command)}"
        ) from None


def _announce(deployment: Deployment, planned: Planned, started: datetime) -> list[Replacement]:
    """Print what needs attention before the apply; return the replaced subscriptions."""
    replacements = filter_changes.find_replacements(planned.content)
    for replacement in replacements:
        print(filter_changes.announce(deployment, replacement, started))
    if planned.losses:
        lines = "".join(f"\n  {loss.sentence}" for loss in planned.losses)
        print(f"deletion_protection is false, and this plan deletes data:{lines}")
    return replacements


def _verify(planner: Planner, planned: Planned) -> None:
    """Check that each function runs the deployed source; apply once more if one does not."""
    deployment = planner.deployment
    print("== Checking the source of each function", flush=True)
    stale = _find_stale(deployment)
    if stale:
        print(f"Not as deployed: {_list(stale)}. Applying once more.")
        _apply_again(planner, planned)
        stale = _find_stale(deployment)
    if stale:
        addresses = find_addresses(list_resources(state.read()))
        commands = "".join(
            f"\n  {shlex.join(terraform.replace(deployment, addresses[each.name]))}"
            for each in stale
            if each.name in addresses
        )
        raise FailedError(
            f"Not as deployed after a second apply: {_list(stale)}. The other functions are. Read "
            "the log of the function's build in Cloud Build. To create a function again, which "
            f"loses no event:{commands}"
        )


def _find_stale(deployment: Deployment) -> list[Stale]:
    outputs = json.loads(read_output(terraform.read_outputs()))
    listed = json.loads(read_output(gcloud.list_functions(deployment)) or "[]")
    return find_stale(outputs, listed)


def _list(stale: list[Stale]) -> str:
    return ", ".join(f"{each.name} ({each.reason})" for each in stale)
