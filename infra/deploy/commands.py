"""What is run for a deployment, as lists of arguments; nothing here runs anything."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Command = tuple[str, ...]

# What Terraform and this need before Terraform can enable the rest.
_FIRST_APIS = ("cloudresourcemanager", "secretmanager", "serviceusage", "storage")
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]+")
_MAKES_OWN = {
    "project_id": "PROJECT",
    "region": "REGION",
    "api_key_secret": "API_KEY_SECRET",  # pragma: allowlist secret
    "automations_file": "AUTOMATIONS_FILE",
}
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What is deployed, and where to.

    `variables_file` and `automations_file` are None where there is none.
    """

    project: str
    region: str
    api_key_secret: str = "videovector-api-key"  # noqa: S105  # its name  # pragma: allowlist secret
    variables_file: Path | None = None
    automations_file: Path | None = None

    @property
    def state_bucket(self) -> str:
        """The bucket of Terraform's state."""
        return f"{self.project}-videovector-state"

    @property
    def state_prefix(self) -> str:
        """Where in it: another file of variables is another deployment."""
        if self.variables_file is None:
            return "default"
        return self.variables_file.name.removesuffix(".tfvars")


def problems(deployment: Deployment) -> list[str]:
    """All that is wrong with what was given."""
    patterns: Mapping[str, tuple[re.Pattern[str], str, str]] = {
        "PROJECT": (_PROJECT, deployment.project, "a project's id, such as my-project-1"),
        "REGION": (_REGION, deployment.region, "a region, such as us-central1"),
        "API_KEY_SECRET": (_SECRET, deployment.api_key_secret, "the name of a secret, alone"),
    }
    files = {"VARS": deployment.variables_file, "AUTOMATIONS_FILE": deployment.automations_file}
    return [
        *(
            f"{name} is to be {wanted}, not {value!r}"
            for name, (pattern, value, wanted) in patterns.items()
            if not pattern.fullmatch(value)
        ),
        *(
            f"{name}: there is no file {file}"
            for name, file in files.items()
            if file and not file.is_file()
        ),
    ]


def set_twice(variables: str) -> list[str]:
    """What a file of variables sets that make sets too: one of the two would win unseen."""
    return [
        f"VARS sets {name}: give it as {_MAKES_OWN[name]}=... instead"
        for name in re.findall(r"^\s*(\w+)\s*=", variables, re.MULTILINE)
        if name in _MAKES_OWN
    ]


def backend(deployment: Deployment) -> str:
    """`infra/backend.tf`: where Terraform keeps its state."""
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
    """Succeeds where the project is there and may be seen."""
    return ("gcloud", "projects", "describe", deployment.project, "--format=value(projectId)")


def enable_apis(deployment: Deployment) -> Command:
    """Enable what comes before Terraform."""
    apis = (f"{name}.googleapis.com" for name in _FIRST_APIS)
    return ("gcloud", "services", "enable", *apis, f"--project={deployment.project}")


def describe_bucket(deployment: Deployment) -> Command:
    """Succeeds where the bucket of the state is there."""
    return _gcloud(deployment, "storage", "buckets", "describe", f"gs://{deployment.state_bucket}")


def create_bucket(deployment: Deployment) -> Command:
    """Make the bucket of the state."""
    bucket, location = f"gs://{deployment.state_bucket}", f"--location={deployment.region}"
    private = ("--uniform-bucket-level-access", "--public-access-prevention")
    return _gcloud(deployment, "storage", "buckets", "create", bucket, location, *private)


def keep_old_states(deployment: Deployment) -> Command:
    """Have the bucket of the state keep old versions."""
    bucket = f"gs://{deployment.state_bucket}"
    return _gcloud(deployment, "storage", "buckets", "update", bucket, "--versioning")


def describe_secret(deployment: Deployment) -> Command:
    """Succeeds where the secret is there."""
    return _gcloud(deployment, "secrets", "describe", deployment.api_key_secret)


def create_secret(deployment: Deployment) -> Command:
    """Make the secret, in the region alone."""
    name, region = deployment.api_key_secret, deployment.region
    where = ("--replication-policy=user-managed", f"--locations={region}")
    return _gcloud(deployment, "secrets", "create", name, *where)


def list_versions(deployment: Deployment) -> Command:
    """Prints a line where the secret has a version that can be read."""
    few = ("--filter=state=ENABLED", "--limit=1", "--format=value(name)")
    return _gcloud(deployment, "secrets", "versions", "list", deployment.api_key_secret, *few)


def add_version(deployment: Deployment) -> Command:
    """Add a version to the secret: the key, from standard input."""
    name = deployment.api_key_secret
    return _gcloud(deployment, "secrets", "versions", "add", name, "--data-file=-")


def terraform_init() -> Command:
    """Get the providers, and turn to this deployment's state."""
    return ("terraform", "init", "-input=false", "-reconfigure")


def subscriptions() -> Command:
    """Prints the subscriptions that there are, by function, as JSON; fails where there are none."""
    return ("terraform", "output", "-json", "subscriptions")


def seek(deployment: Deployment, subscription: str, time: str) -> Command:
    """Deliver again what was published since then."""
    return _gcloud(deployment, "pubsub", "subscriptions", "seek", subscription, f"--time={time}")


def terraform(deployment: Deployment, verb: str, *, approved: bool) -> Command:
    """Plan, apply or destroy."""
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
