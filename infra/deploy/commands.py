"""The commands of a deployment, as tuples of arguments; `run` executes them.

The docstring of a function describes the command that it returns.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Command = tuple[str, ...]

# Needed before Terraform runs; Terraform enables the others.
_FIRST_APIS = ("cloudresourcemanager", "secretmanager", "serviceusage", "storage")
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_MAKE_VARIABLES = {
    "project_id": "PROJECT",
    "region": "REGION",
    "api_key_secret": "API_KEY_SECRET",  # pragma: allowlist secret
    "automations_file": "AUTOMATIONS_FILE",
}
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The settings of a deployment. `variables_file` and `automations_file` are optional."""

    project: str
    region: str
    api_key_secret: str = "videovector-api-key"  # noqa: S105  # its name  # pragma: allowlist secret
    variables_file: Path | None = None
    automations_file: Path | None = None

    @property
    def state_bucket(self) -> str:
        """The name of the bucket with Terraform's state."""
        return f"{self.project}-videovector-state"

    @property
    def state_prefix(self) -> str:
        """The prefix in the bucket; each variables file has a state of its own."""
        if self.variables_file is None:
            return "default"
        return self.variables_file.name.removesuffix(".tfvars")


def find_problems(deployment: Deployment) -> list[str]:
    """Return every problem of the settings, as sentences."""
    patterns: Mapping[str, tuple[re.Pattern[str], str, str]] = {
        "PROJECT": (_PROJECT, deployment.project, "a project's id, such as my-project-1"),
        "REGION": (_REGION, deployment.region, "a region, such as us-central1"),
        "API_KEY_SECRET": (_SECRET, deployment.api_key_secret, "the name of a secret, alone"),
    }
    files = {"VARS": deployment.variables_file, "AUTOMATIONS_FILE": deployment.automations_file}
    return [
        *(
            f"{name} must be {form}, not {value!r}"
            for name, (pattern, value, form) in patterns.items()
            if not pattern.fullmatch(value)
        ),
        *(
            f"{name}: file {file} does not exist"
            for name, file in files.items()
            if file and not file.is_file()
        ),
    ]


def find_conflicts(variables: str) -> list[str]:
    """Return a problem for each variable in a file that make also sets, and would override."""
    return [
        f"VARS sets {name}: set it with {_MAKE_VARIABLES[name]}=... instead"
        for name in re.findall(r"^\s*(\w+)\s*=", variables, re.MULTILINE)
        if name in _MAKE_VARIABLES
    ]


def render_backend(deployment: Deployment) -> str:
    """Return the content of `infra/backend.tf`, which configures Terraform's state."""
    return (
        f"{BACKEND_MARK}\n"
        "terraform {\n"
        '  backend "gcs" {\n'
        f'    bucket = "{deployment.state_bucket}"\n'
        f'    prefix = "{deployment.state_prefix}"\n'
        "  }\n"
        "}\n"
    )


BACKEND_MARK = "# Written by `make plan`, `make deploy` and `make destroy`."


def describe_project(deployment: Deployment) -> Command:
    """Succeed if the project exists and the caller may read it."""
    return ("gcloud", "projects", "describe", deployment.project, "--format=value(projectId)")


def enable_apis(deployment: Deployment) -> Command:
    """Enable the APIs that are needed before Terraform runs."""
    apis = (f"{name}.googleapis.com" for name in _FIRST_APIS)
    return ("gcloud", "services", "enable", *apis, f"--project={deployment.project}")


def describe_bucket(deployment: Deployment) -> Command:
    """Succeed if the bucket of the state exists."""
    return _gcloud(deployment, "storage", "buckets", "describe", f"gs://{deployment.state_bucket}")


def create_bucket(deployment: Deployment) -> Command:
    """Create the bucket of the state."""
    bucket, location = f"gs://{deployment.state_bucket}", f"--location={deployment.region}"
    private = ("--uniform-bucket-level-access", "--public-access-prevention")
    return _gcloud(deployment, "storage", "buckets", "create", bucket, location, *private)


def enable_versioning(deployment: Deployment) -> Command:
    """Make the bucket of the state keep old versions."""
    bucket = f"gs://{deployment.state_bucket}"
    return _gcloud(deployment, "storage", "buckets", "update", bucket, "--versioning")


def describe_secret(deployment: Deployment) -> Command:
    """Succeed if the secret exists."""
    return _gcloud(deployment, "secrets", "describe", deployment.api_key_secret)


def create_secret(deployment: Deployment) -> Command:
    """Create the secret, stored only in the region."""
    name, region = deployment.api_key_secret, deployment.region
    location = ("--replication-policy=user-managed", f"--locations={region}")
    return _gcloud(deployment, "secrets", "create", name, *location)


def list_versions(deployment: Deployment) -> Command:
    """Print a line if the secret has an enabled version."""
    first = ("--filter=state=ENABLED", "--limit=1", "--format=value(name)")
    return _gcloud(deployment, "secrets", "versions", "list", deployment.api_key_secret, *first)


def add_version(deployment: Deployment) -> Command:
    """Add a version to the secret; its value is read from standard input."""
    name = deployment.api_key_secret
    return _gcloud(deployment, "secrets", "versions", "add", name, "--data-file=-")


def terraform_init() -> Command:
    """Install the providers, and select this deployment's state."""
    return ("terraform", "init", "-input=false", "-reconfigure")


def read_subscriptions() -> Command:
    """Print function name -> subscription name as JSON. Fail before the first apply."""
    return ("terraform", "output", "-json", "subscriptions")


def seek(deployment: Deployment, subscription: str, time: str) -> Command:
    """Redeliver messages that were published since `time`."""
    return _gcloud(deployment, "pubsub", "subscriptions", "seek", subscription, f"--time={time}")


def terraform(deployment: Deployment, verb: str, *, approved: bool) -> Command:
    """Run Terraform with `verb`: plan, apply or destroy."""
    variables = {
        "project_id": deployment.project,
        "region": deployment.region,
        "api_key_secret": deployment.api_key_secret,
    }
    if deployment.automations_file:
        variables["automations_file"] = str(deployment.automations_file.resolve())
    files = [deployment.variables_file.resolve()] if deployment.variables_file else []
    return (
        "terraform",
        verb,
        *(f"-var-file={file}" for file in files),
        *(f"-var={name}={value}" for name, value in variables.items()),
        *(("-auto-approve",) if approved and verb != "plan" else ()),
    )


def _gcloud(deployment: Deployment, *arguments: str) -> Command:
    return ("gcloud", *arguments, f"--project={deployment.project}")
