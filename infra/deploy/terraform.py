"""Terraform's commands, as tuples of arguments; `processes` runs them.

The docstring of a function describes the command that it returns.
"""

from collections.abc import Sequence
from pathlib import Path

from infra.deploy.processes import Command
from infra.deploy.settings import Deployment

BACKEND_MARK = "# Written by `make plan`, `make deploy` and `make destroy`."


def render_backend(deployment: Deployment) -> str:
    """Return the content of `infra/backend.tf`, which configures Terraform's state."""
    return (
        f"{BACKEND_MARK}\n"
        "terraform {\n"
        '  backend "gcs" {\n'
        f'    bucket = "{deployment.state_bucket}"\n'
        f'    prefix = "{deployment.name}"\n'
        "  }\n"
        "}\n"
    )


def init() -> Command:
    """Install the providers, and select this deployment's state."""
    return ("terraform", "init", "-input=false", "-reconfigure")


def plan(
    deployment: Deployment, file: Path, *, destroy: bool = False, targets: Sequence[str] = ()
) -> Command:
    """Write a plan into a file; with `destroy`, of deleting the targets or, without any, all."""
    return (
        "terraform",
        "plan",
        "-input=false",
        f"-out={file}",
        *(("-destroy",) if destroy else ()),
        *(f"-target={address}" for address in targets),
        *list_variables(deployment),
    )


def list_variables(deployment: Deployment) -> Command:
    """Return the options that set Terraform's variables."""
    variables = {
        "project_id": deployment.project,
        "region": deployment.region,
        "api_key_secret": deployment.api_key_secret,
    }
    if deployment.automations_file:
        variables["automations_file"] = str(deployment.automations_file.resolve())
    files = [deployment.variables_file.resolve()] if deployment.variables_file else []
    return (
        *(f"-var-file={file}" for file in files),
        *(f"-var={name}={value}" for name, value in variables.items()),
    )


def show(file: Path) -> Command:
    """Print a plan as JSON."""
    return ("terraform", "show", "-json", str(file))


def apply(file: Path) -> Command:
    """Apply a plan, without a question."""
    return ("terraform", "apply", "-input=false", str(file))


def replace(deployment: Deployment, address: str) -> Command:
    """Replace one resource; for people, so it runs in the folder of the repository."""
    return (
        "terraform",
        "-chdir=infra",
        "apply",
        f"-replace={address}",
        *list_variables(deployment),
    )


def read_outputs() -> Command:
    """Print every output as JSON."""
    return ("terraform", "output", "-json")


def pull_state() -> Command:
    """Print the state as JSON; nothing if there is none."""
    return ("terraform", "state", "pull")


def forget(addresses: Sequence[str]) -> Command:
    """Remove resources from the state, and leave them in Google Cloud."""
    return ("terraform", "state", "rm", *addresses)


def move(source: str, target: str) -> Command:
    """Rename a resource in the state."""
    return ("terraform", "state", "mv", source, target)
