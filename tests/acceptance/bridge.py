"""A deployment under test: its workspace, its variables, and what must hold after a command."""

from pathlib import Path
from typing import Any, Generic, TypeVar

from tests.acceptance.cloud import Cloud, Variables
from tests.acceptance.plans import Report
from tests.acceptance.processes import Processes
from tests.acceptance.state import State
from tests.acceptance.workspace import Workspace

C = TypeVar("C", bound=Cloud)
C_co = TypeVar("C_co", bound=Cloud, covariant=True)


class CheckFailedError(Exception):
    """Something that must hold does not; `failures` has a sentence for each."""

    def __init__(self, *failures: str) -> None:
        super().__init__("; ".join(failures))
        self.failures = failures


class Bridge(Generic[C_co]):
    """One deployment of the bridge. `variables` are those of the last command."""

    def __init__(
        self,
        cloud: C_co,
        processes: Processes,
        *,
        folder: Path,
        sources: Path,
        variables: Variables,
    ) -> None:
        self.cloud: C_co = cloud
        self.sources = sources
        self.workspace = Workspace(folder, sources, cloud, processes)
        self.variables: Variables = {**cloud.variables, **variables}
        self._processes = processes
        self._beside: dict[str, Bridge[C_co]] = {}

    @property
    def prefix(self) -> str:
        """The prefix of names in the cloud."""
        return str(self.variables.get("prefix", ""))

    @property
    def state(self) -> State:
        """Terraform's state."""
        return self.workspace.read_state()

    def beside(self, name: str, variables: Variables) -> "Bridge[C_co]":
        """Return another bridge in the same project, the same one for the same name."""
        if name not in self._beside:
            self._beside[name] = Bridge(
                self.cloud,
                self._processes,
                folder=self.workspace.folder / name,
                sources=self.sources,
                variables=variables,
            )
        return self._beside[name]

    def set(self, **variables: Any) -> None:
        """Change variables for the next commands; None is Terraform's null, the default."""
        self.variables = {**self.variables, **variables}

    def apply(self) -> Report:
        """Apply, and check that it succeeds and leaves nothing that fails at run time."""
        report = self.workspace.apply(self.variables)
        check(report.errors)
        check(self.cloud.find_faults())
        return report

    def apply_to_fail(self) -> Report:
        """Apply, and check that it fails."""
        report = self.workspace.apply(self.variables)
        if report.ok:
            raise CheckFailedError("terraform apply succeeded, but it had to fail")
        return report

    def check_empty_plan(self) -> None:
        """Check that a plan changes neither resources nor outputs."""
        report = self.workspace.plan(self.variables)
        check(report.errors)
        if report.code:
            check(self.workspace.describe_last_plan() or ["the plan is not empty"])

    def check_functions_run(self) -> None:
        """Check that each function runs, and runs the source of the last apply."""
        outputs = self.state.outputs
        deployed = self.cloud.read_functions()
        failures = []
        for name in sorted(outputs["functions"].values()):
            function = deployed.get(name)
            if function is None:
                failures.append(f"function {name} does not exist")
            elif function.state != "ACTIVE":
                failures.append(f"function {name} is {function.state}")
            elif function.source_hash != outputs["source_hash"]:
                failures.append(f"function {name} runs another source than the last apply has")
        check(failures)


def check(failures: list[str] | tuple[str, ...]) -> None:
    """Raise `CheckFailedError` if there are failures."""
    if failures:
        raise CheckFailedError(*failures)
