"""What must be ready before Terraform runs: tools, an approver, filters, the API key's secret."""

import getpass
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from infra.deploy import gcloud
from infra.deploy.processes import INFRA, FailedError, read_if_exists, read_output, run_step
from infra.deploy.settings import Deployment, Settings
from videovector_bridge.settings import is_api_key


def check(settings: Settings) -> None:
    """Check the tools, that the project exists, and that a change can be approved."""
    _check_tools("gcloud", "terraform")
    read_output(gcloud.describe_project(settings.deployment))


def check_approver(settings: Settings) -> None:
    """Refuse early what nobody can approve later. Raises `FailedError`."""
    if not settings.approved and not sys.stdin.isatty():
        raise FailedError(
            "Nobody can approve the plan: standard input is not a terminal. Nothing was changed. "
            "Set YES=1 to apply without a question."
        )


def ask(settings: Settings, question: str) -> None:
    """Ask for approval, unless YES is set. Raises `FailedError` if the reply is not `yes`."""
    if settings.approved:
        return
    try:
        reply = input(f"{question} Only `yes` approves: ")
    except EOFError:
        reply = ""
    if reply.strip().lower() != "yes":
        raise FailedError("Not approved. Nothing was changed by this plan.")


def check_filters(deployment: Deployment) -> None:
    """Check that no subscription filter excludes an event that an automation needs."""
    file = ["--file", str(deployment.automations_file)] if deployment.automations_file else []
    arguments = ["automations", "filters", *file, "--topology", str(INFRA / "topology.json")]
    completed = subprocess.run(
        [str(Path(sys.executable).parent / "videovector-bridge"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode:
        raise FailedError(
            "The subscriptions' filters do not match the automations.\n"
            f"{completed.stderr.strip()}\n"
            f"Update them with: videovector-bridge {shlex.join(arguments)} --write"
        )


def prepare_secret(settings: Settings) -> None:
    """Store the API key in its secret if it has none. It is in no argument, log or state."""
    deployment, key_file = settings.deployment, settings.key_file
    name = deployment.api_key_secret
    if read_if_exists(gcloud.describe_secret(deployment), gcloud.NOT_FOUND) is None:
        run_step(gcloud.create_secret(deployment), f"Creating the secret {name}")
    if read_output(gcloud.list_versions(deployment)):
        if key_file:
            print(
                f"The secret {name} already has a key, so {key_file} was not read. To replace it: "
                f"gcloud secrets versions add {name} --data-file={key_file}"
            )
        return
    key = _read_key(name, key_file)
    run_step(gcloud.add_version(deployment), f"Storing the API key in {name}", stdin=key)


def create_agents(deployment: Deployment, *, bigquery: bool) -> None:
    """Create the service agents that need a grant on the customer's key."""
    if bigquery:
        _check_tools("bq")
    print("== Creating the service agents that use kms_key", flush=True)
    for command in gcloud.create_agents(deployment, bigquery=bigquery):
        read_output(command)


def _check_tools(*names: str) -> None:
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        raise FailedError(f"{' and '.join(missing)} not found: see infra/README.md, quick start.")


def _read_key(name: str, file: Path | None) -> str:
    if file is not None:
        key = file.read_text(encoding="utf-8").strip()
        source = str(file)
    elif sys.stdin.isatty():
        key = getpass.getpass(f"VideoVector's API key, for the secret {name}: ").strip()
        source = "the input"
    else:
        raise FailedError(f"The secret {name} has no key yet. Set API_KEY_FILE=path.")
    if not is_api_key(key):
        raise FailedError(f"The API key must be one line of ASCII without blanks; {source} is not.")
    return key
