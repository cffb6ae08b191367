"""Commands of gcloud and bq, as tuples of arguments; `processes` runs them.

The docstring of a function describes the command that it returns.
"""

from infra.deploy.processes import Command
from infra.deploy.settings import Deployment

# Needed before Terraform runs; Terraform enables the others.
_FIRST_APIS = ("cloudresourcemanager", "secretmanager", "serviceusage", "storage")
# Services whose agents encrypt with the customer's key. Storage and BigQuery have commands of
# their own.
_ENCRYPTING = ("artifactregistry", "cloudfunctions", "firestore", "pubsub", "run", "secretmanager")

NO_BUCKET = r"not found: 404"
"""How `describe_bucket` reports that there is no such bucket."""
NOT_FOUND = r"\bNOT_FOUND: "
"""How other describing commands report that something does not exist."""
NO_OBJECT = r"URLs matched no objects"
"""How `list_states` reports that there is none."""


def describe_project(deployment: Deployment) -> Command:
    """Succeed if the project exists and the caller may read it."""
    return ("gcloud", "projects", "describe", deployment.project, "--format=value(projectId)")


def enable_apis(deployment: Deployment) -> Command:
    """Enable the APIs that are needed before Terraform runs."""
    return _gcloud(deployment, "services", "enable", *_hosts(_FIRST_APIS))


def describe_bucket(deployment: Deployment) -> Command:
    """Succeed if the bucket of the states exists."""
    return _gcloud(deployment, "storage", "buckets", "describe", f"gs://{deployment.state_bucket}")


def create_bucket(deployment: Deployment) -> Command:
    """Create the bucket of the states."""
    bucket, location = f"gs://{deployment.state_bucket}", f"--location={deployment.region}"
    private = ("--uniform-bucket-level-access", "--public-access-prevention")
    return _gcloud(deployment, "storage", "buckets", "create", bucket, location, *private)


def enable_versioning(deployment: Deployment) -> Command:
    """Make the bucket of the states keep old versions."""
    bucket = f"gs://{deployment.state_bucket}"
    return _gcloud(deployment, "storage", "buckets", "update", bucket, "--versioning")


def list_states(deployment: Deployment) -> Command:
    """Print the address of each state in the bucket, a line each."""
    return _gcloud(deployment, "storage", "ls", f"gs://{deployment.state_bucket}/**.tfstate")


def read_object(deployment: Deployment, url: str) -> Command:
    """Print an object."""
    return _gcloud(deployment, "storage", "cat", url)


def remove_state(deployment: Deployment) -> Command:
    """Remove this deployment's state, with its old versions."""
    return _gcloud(deployment, "storage", "rm", "--all-versions", deployment.state_url)


def describe_secret(deployment: Deployment) -> Command:
    """Succeed if the secret exists."""
    return _gcloud(deployment, "secrets", "describe", deployment.api_key_secret)


def create_secret(deployment: Deployment) -> Command:
    """Create the secret, stored only in the region."""
    name, region = deployment.api_key_secret, deployment.region
    location = ("--replication-policy=user-managed", f"--locations={region}")
    return _gcloud(deployment, "secrets", "create", name, *location)


def delete_secret(deployment: Deployment) -> Command:
    """Delete the secret."""
    return _gcloud(deployment, "secrets", "delete", deployment.api_key_secret)


def list_versions(deployment: Deployment) -> Command:
    """Print a line if the secret has an enabled version."""
    first = ("--filter=state=ENABLED", "--limit=1", "--format=value(name)")
    return _gcloud(deployment, "secrets", "versions", "list", deployment.api_key_secret, *first)


def add_version(deployment: Deployment) -> Command:
    """Add a version to the secret; its value is read from standard input."""
    name = deployment.api_key_secret
    return _gcloud(deployment, "secrets", "versions", "add", name, "--data-file=-")


def create_agents(deployment: Deployment, *, bigquery: bool) -> list[Command]:
    """Enable APIs and create the service agents that encrypt with a key; all may be repeated."""
    apis = (*_ENCRYPTING, "storage", *(("bigquery",) if bigquery else ()))
    commands = [_gcloud(deployment, "services", "enable", *_hosts(apis))]
    commands += [
        _gcloud(
            deployment,
            *("beta", "services", "identity", "create", "--quiet", f"--service={host}"),
        )
        for host in _hosts(_ENCRYPTING)
    ]
    commands.append(_gcloud(deployment, "storage", "service-agent"))
    if bigquery:
        options = ("--encryption_service_account", f"--project_id={deployment.project}")
        commands.append(("bq", "show", *options, "--format=json"))
    return commands


def list_functions(deployment: Deployment) -> Command:
    """Print the functions of the region as JSON."""
    region = f"--regions={deployment.region}"
    return _gcloud(deployment, "functions", "list", "--v2", region, "--format=json")


def seek(deployment: Deployment, subscription: str, time: str) -> Command:
    """Redeliver messages that were published since `time`."""
    return _gcloud(deployment, "pubsub", "subscriptions", "seek", subscription, f"--time={time}")


def _hosts(apis: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}.googleapis.com" for name in apis)


def _gcloud(deployment: Deployment, *arguments: str) -> Command:
    return ("gcloud", *arguments, f"--project={deployment.project}")
