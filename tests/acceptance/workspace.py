"""A copy of `infra/` and `functions/` with a state of its own, and Terraform in it."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.acceptance.cloud import Cloud, CloudError, Variables
from tests.acceptance.plans import Report, describe_plan, read_report
from tests.acceptance.processes import Completed, Processes
from tests.acceptance.state import State, read_state

_PARTS = ("infra", "functions")
# Files that Terraform does not read, and files that it or an operator wrote.
_IGNORED = shutil.ignore_patterns(
    "local", "standin", "tests", "backend.tf", "*.tfvars", ".terraform*", ".build", "*.tfstate*",
    "__pycache__",
)  # fmt: skip
_BACKEND = """\
terraform {
  backend "local" {
    path = "../terraform.tfstate"
  }
}
"""
_PARALLELISM = 30


class Workspace:
    """One deployment's files. `folder` must not exist; `sources` holds `infra/` and `functions/`.

    Logs of Terraform are in `folder`/logs. Methods raise `CloudError` if Terraform cannot run.
    """

    def __init__(self, folder: Path, sources: Path, cloud: Cloud, processes: Processes) -> None:
        self.folder, self._cloud, self._processes = folder, cloud, processes
        self._logs = folder / "logs"
        self._logs.mkdir(parents=True)
        self.copy_sources(sources)

    @property
    def topology(self) -> Path:
        """The file that lists functions and subscriptions."""
        return self.folder / "infra" / "topology.json"

    @property
    def functions(self) -> Path:
        """The functions' source."""
        return self.folder / "functions"

    @property
    def state_file(self) -> Path:
        """Terraform's state."""
        return self.folder / "terraform.tfstate"

    def copy_sources(self, sources: Path) -> None:
        """Copy `infra/` and `functions/` in place of those that are there, and keep the state."""
        for part in _PARTS:
            shutil.rmtree(self.folder / part, ignore_errors=True)
            shutil.copytree(sources / part, self.folder / part, ignore=_IGNORED)
        # The package reads the version from it.
        shutil.copy(sources / "pyproject.toml", self.folder)
        infra = self.folder / "infra"
        (infra / "zz_acceptance_override.tf").write_text(self._cloud.override, encoding="utf-8")
        (infra / "zz_acceptance_backend.tf").write_text(_BACKEND, encoding="utf-8")
        done = self._terraform("init", "-input=false", "-no-color", *self._cloud.init_options)
        if done.code:
            raise CloudError(f"terraform init failed: {done.output}{done.errors}")

    def edit_topology(self, edit: Callable[[dict[str, Any]], None]) -> None:
        """Change topology.json with a function that changes its content."""
        content = json.loads(self.topology.read_text(encoding="utf-8"))
        edit(content)
        self.topology.write_text(json.dumps(content), encoding="utf-8")

    def apply(self, variables: Variables) -> Report:
        """Run `terraform apply`."""
        return self._run("apply", variables, "-auto-approve")

    def destroy(self, variables: Variables, targets: Sequence[str] = ()) -> Report:
        """Run `terraform destroy`, of the targets and what depends on them; without any, of all."""
        return self._run(
            "destroy", variables, "-auto-approve", *(f"-target={target}" for target in targets)
        )

    def plan(self, variables: Variables) -> Report:
        """Run `terraform plan`; the code is 0 if it is empty, and 2 if it has changes."""
        return self._run("plan", variables, "-detailed-exitcode", f"-out={self._plan_file}")

    def describe_last_plan(self) -> list[str]:
        """Return a sentence for each change of the last plan, with its attributes."""
        shown = self._terraform("show", "-json", str(self._plan_file))
        if shown.code:
            raise CloudError(f"terraform show failed: {shown.errors}")
        return describe_plan(json.loads(shown.output))

    def rename(self, source: str, target: str) -> None:
        """Rename a resource in the state."""
        done = self._terraform("state", "mv", source, target)
        if done.code:
            raise CloudError(f"terraform state mv {source} failed: {done.errors}")

    def read_state_file(self) -> dict[str, Any]:
        """Return the content of the state's file; it is empty before the first apply."""
        if not self.state_file.exists():
            return {}
        content: dict[str, Any] = json.loads(self.state_file.read_text(encoding="utf-8"))
        return content

    def read_state(self) -> State:
        """Return the state."""
        return read_state(self.read_state_file())

    @property
    def destroy_command(self) -> str:
        """The command that deletes what this deployment created."""
        return (
            f"TF_DATA_DIR={self.folder}/data terraform -chdir={self.folder}/infra destroy "
            f"-var-file={self._variables_file} -var=deletion_protection=false"
        )

    @property
    def _plan_file(self) -> Path:
        return self.folder / "plan"

    @property
    def _variables_file(self) -> Path:
        return self.folder / "variables.tfvars.json"

    def _run(self, verb: str, variables: Variables, *options: str) -> Report:
        self._variables_file.write_text(json.dumps(dict(variables)), encoding="utf-8")
        common: Sequence[str] = (
            "-json", "-input=false", f"-parallelism={_PARALLELISM}",
            f"-var-file={self._variables_file}",
        )  # fmt: skip
        done = self._terraform(verb, *common, *options)
        report = read_report(done.code, done.output)
        if done.code not in (0, 2) and not report.errors:
            raise CloudError(f"terraform {verb} ended with {done.code}: {done.errors}")
        return report

    def _terraform(self, *arguments: str) -> Completed:
        infra = self.folder / "infra"
        done = self._processes.run(
            ("terraform", f"-chdir={infra}", *arguments),
            environment={
                **self._cloud.environment,
                "TF_DATA_DIR": str(self.folder / "data"),
                "TF_IN_AUTOMATION": "1",
                "CHECKPOINT_DISABLE": "1",
            },
            limit_seconds=self._cloud.limit_seconds,
        )
        name = f"{len(list(self._logs.iterdir())):02}-{arguments[0]}.log"
        (self._logs / name).write_text(done.output + done.errors, encoding="utf-8")
        return done
