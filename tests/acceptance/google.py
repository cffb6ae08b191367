"""A throwaway project of Google Cloud, asked through gcloud with the user's credentials."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.acceptance.cloud import CloudError, Function, Variables
from tests.acceptance.processes import Processes
from tests.acceptance.settings import UseGoogle

# Needed before Terraform runs; Terraform enables the others.
_FIRST_APIS = ("cloudresourcemanager", "secretmanager", "serviceusage", "storage")
_AGENTS = ("artifactregistry", "cloudfunctions", "firestore", "pubsub", "run", "secretmanager")
_BROKEN = "videovector-acceptance-no-such-package==0.0.0\n"
_GCLOUD_SECONDS = 300.0
# What to list at the end, and the field that has the name.
_KINDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "function": (("functions", "list", "--v2"), "name"),
    "topic": (("pubsub", "topics", "list"), "name"),
    "subscription": (("pubsub", "subscriptions", "list"), "name"),
    "bucket": (("storage", "buckets", "list"), "name"),
    "database": (("firestore", "databases", "list"), "name"),
    "secret": (("secrets", "list"), "name"),
    "service account": (("iam", "service-accounts", "list"), "email"),
}


class GoogleCloud:
    """One deployment's view of the project: what it creates has its `prefix` in the name.

    Raises `CloudError` if the project cannot be prepared.
    """

    override = ""
    init_options: Sequence[str] = ()
    limit_seconds = 3_600.0

    def __init__(self, settings: UseGoogle, prefix: str, processes: Processes) -> None:
        self._prefix, self._processes = prefix, processes
        self._project, self._region = settings.project, settings.region
        self._secret = f"{prefix}acceptance-api-key"
        self.environment: Mapping[str, str] = dict(os.environ)
        self.variables: Variables = {
            "project_id": self._project,
            "region": self._region,
            "prefix": prefix,
            "api_key_secret": self._secret,
            # An older version has the same database for every prefix, unless it is named.
            "firestore": {"database": f"{prefix}videovector"},
        }
        budget = {"billing_account": settings.billing_account, "amount": 50}
        self.options: Variables = {
            "alert_emails": ["operator@example.com"],
            **({"budget": budget} if settings.billing_account else {}),
        }
        apis = (f"{name}.googleapis.com" for name in _FIRST_APIS)
        self._gcloud("services", "enable", *apis)
        policy = ("--replication-policy=user-managed", f"--locations={self._region}")
        self._gcloud("secrets", "create", self._secret, *policy)
        self._gcloud("secrets", "versions", "add", self._secret, "--data-file=-", stdin="made-up")

    @property
    def cleanup_commands(self) -> Sequence[str]:
        """Deletes the API key's secret."""
        return (f"gcloud secrets delete {self._secret} --project={self._project}",)

    def break_builds(self, folder: Path, functions: Sequence[str]) -> None:  # noqa: ARG002
        """Require a package that does not exist: no function can be built."""
        requirements = folder / "requirements.txt"
        content = requirements.read_text(encoding="utf-8")
        requirements.write_text(_BROKEN + content, encoding="utf-8")

    def repair_builds(self, folder: Path) -> None:
        """Do not require it any more."""
        requirements = folder / "requirements.txt"
        content = requirements.read_text(encoding="utf-8")
        requirements.write_text(content.removeprefix(_BROKEN), encoding="utf-8")

    def create_service_agents(self, *, bigquery: bool) -> None:
        """Create each agent with gcloud, and BigQuery's by asking for it."""
        for name in _AGENTS:
            service = f"--service={name}.googleapis.com"
            self._gcloud("beta", "services", "identity", "create", service)
        self._gcloud("storage", "service-agent")
        if bigquery:
            command = ("bq", "show", "--encryption_service_account", "--format=json")
            self._run((*command, f"--project_id={self._project}"))

    def read_functions(self) -> Mapping[str, Function]:
        """Return the functions of the project by name."""
        listed = self._list("functions", "list", "--v2", f"--regions={self._region}")
        return {
            each["name"].rpartition("/")[2]: Function(
                state=each["state"],
                source_hash=each["serviceConfig"]
                .get("environmentVariables", {})
                .get("SOURCE_HASH", ""),
            )
            for each in listed
        }

    def list_subscriptions(self) -> set[str]:
        """Return the names of the project's subscriptions."""
        listed = self._list("pubsub", "subscriptions", "list")
        return {each["name"].rpartition("/")[2] for each in listed}

    def write_object(self, bucket: str, name: str) -> None:
        """Write a small object."""
        self._gcloud("storage", "cp", "-", f"gs://{bucket}/{name}", stdin="{}")

    def find_faults(self) -> list[str]:
        """Return a sentence for each function of this deployment that is not active."""
        return [
            f"function {name} is {function.state}"
            for name, function in self.read_functions().items()
            if name.startswith(self._prefix) and function.state != "ACTIVE"
        ]

    def find_remains(self) -> list[str]:
        """Return a sentence for each resource that has the prefix; not the API key's secret."""
        remains = []
        for kind, (command, field) in _KINDS.items():
            for each in self._list(*command):
                name = str(each[field]).rpartition("/")[2]
                if self._prefix in name and name != self._secret:
                    remains.append(f"{kind} {name} is left in the project")
        return remains

    def close(self) -> None:
        """Delete the API key's secret."""
        self._gcloud("secrets", "delete", self._secret, "--quiet")

    def _list(self, *arguments: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(self._gcloud(*arguments, "--format=json") or "[]")
        return listed

    def _gcloud(self, *arguments: str, stdin: str | None = None) -> str:
        return self._run(("gcloud", *arguments, f"--project={self._project}"), stdin)

    def _run(self, command: tuple[str, ...], stdin: str | None = None) -> str:
        done = self._processes.run(
            command, environment=self.environment, limit_seconds=_GCLOUD_SECONDS, stdin=stdin
        )
        if done.code:
            raise CloudError(f"`{' '.join(command)}` ended with {done.code}: {done.errors.strip()}")
        return done.output
