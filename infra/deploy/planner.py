"""Makes a plan with Terraform, and checks it before it is applied."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.deploy import plan_checks, terraform
from infra.deploy.plan_checks import Loss
from infra.deploy.processes import FailedError, read_output, run_step
from infra.deploy.resources import Json
from infra.deploy.settings import Deployment


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan in a file and as JSON, with the losses of data that need an approval."""

    file: Path
    content: Json
    losses: tuple[Loss, ...]

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to apply."""
        return plan_checks.has_changes(self.content)


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans a deployment into a private folder; a plan may contain secrets.

    `others` are the states of other deployments, by address.
    """

    deployment: Deployment
    folder: Path
    others: Mapping[str, Json]

    def plan(self, approved: Planned | None = None) -> Planned:
        """Make a plan and check it. Raises `FailedError` with every reason to refuse it.

        `approved` is an earlier plan: what this one would lose in addition is refused. None: the
        caller asks for approval.
        """
        file = self.folder / "plan"
        run_step(terraform.plan(self.deployment, file), "Terraform: plan")
        content = dict(json.loads(read_output(terraform.show(file))))
        losses = plan_checks.find_losses(content)
        refusals = plan_checks.find_refusals(content, losses)
        if refusals:
            lines = "".join(f"\n  {refusal}" for refusal in refusals)
            raise FailedError(
                f"Refused, because this plan deletes data:{lines}\n"
                "Nothing was applied. infra/README.md, Migrations, describes how to change this."
            )
        conflicts = plan_checks.find_conflicts(content, self.others, self.deployment)
        if conflicts:
            lines = "".join(f"\n  {conflict}" for conflict in conflicts)
            raise FailedError(f"Refused, because another deployment uses the same names:{lines}")
        if approved is not None:
            _check_repeated(losses, approved.losses)
        return Planned(file, content, tuple(losses))


def _check_repeated(losses: list[Loss], approved: tuple[Loss, ...]) -> None:
    addresses = {loss.resource.address for loss in approved}
    more = [loss.sentence for loss in losses if loss.resource.address not in addresses]
    if more:
        lines = "".join(f"\n  {sentence}" for sentence in more)
        raise FailedError(
            f"This repeated plan deletes data that the first one did not:{lines}\n"
            "It was not applied. Run the command again to approve it."
        )
