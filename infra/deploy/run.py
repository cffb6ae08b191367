"""Runs a deployment: checks, the API key's secret, the state's bucket, then Terraform."""

import getpass
import json
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from infra.deploy import commands
from infra.deploy.commands import BACKEND_MARK, Command, Deployment
from videovector_bridge.settings import is_api_key

INFRA = Path(__file__).resolve().parents[1]


class FailedError(Exception):
    """A step failed; the message has its name and the reason."""


def run(verb: str, deployment: Deployment, *, key_file: Path | None, approved: bool) -> None:
    """Plan, deploy or destroy. Raises `FailedError` if a step fails, and undoes no earlier step."""
    _check_tools()
    _read_output(commands.describe_project(deployment))
    if verb != "destroy":
        _check_filters(deployment)
    if verb == "deploy":
        _run_step(commands.enable_apis(deployment), "Enabling APIs")
        _prepare_secret(deployment, key_file)
    has_state = _prepare_state(deployment, create=verb == "deploy")
    if verb == "destroy" and not has_state:
        raise FailedError(
            f"No state in gs://{deployment.state_bucket}: there is nothing to destroy."
        )
    _run_step(commands.terraform_init(), "Terraform: init")
    if verb == "deploy":
        _apply(deployment, approved=approved)
    else:
        _run_step(commands.terraform(deployment, verb, approved=approved), f"Terraform: {verb}")
    if verb == "destroy":
        print(_describe_remaining(deployment))


def _apply(deployment: Deployment, *, approved: bool) -> None:
    started = datetime.now(UTC)
    before = _read_subscriptions()
    _run_step(commands.terraform(deployment, "apply", approved=approved), "Terraform: apply")
    print("Deployed. For webhooks, run the command in the output webhook_command.")
    for name, subscription in _read_subscriptions().items():
        if before.get(name, subscription) != subscription:
            seek = commands.seek(deployment, subscription, started.strftime("%Y-%m-%dT%H:%M:%SZ"))
            print(
                f"The filter of {name} changed: {subscription} replaces {before[name]}.\n"
                f"Messages that {before[name]} had not delivered were deleted with it. Redeliver\n"
                f"them with the time of the oldest one (completed effects are not repeated):\n"
                f"  {shlex.join(seek)}"
            )


def _read_subscriptions() -> dict[str, str]:
    """Return function name -> push subscription; empty before the first apply."""
    completed = subprocess.run(
        commands.read_subscriptions(), cwd=INFRA, capture_output=True, text=True, check=False
    )
    return dict(json.loads(completed.stdout)) if completed.returncode == 0 else {}


def _check_tools() -> None:
    missing = [name for name in ("gcloud", "terraform") if shutil.which(name) is None]
    if missing:
        raise FailedError(f"{' and '.join(missing)} not found: see infra/README.md, quick start.")


def _check_filters(deployment: Deployment) -> None:
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


def _prepare_secret(deployment: Deployment, key_file: Path | None) -> None:
    """Store the API key in its secret if it has none. It is in no argument, log or state."""
    name = deployment.api_key_secret
    if not _succeeds(commands.describe_secret(deployment)):
        _run_step(commands.create_secret(deployment), f"Creating the secret {name}")
    if _read_output(commands.list_versions(deployment)):
        if key_file:
            print(
                f"The secret {name} already has a key, so {key_file} was not read. To replace it: "
                f"gcloud secrets versions add {name} --data-file={key_file}"
            )
        return
    key = _read_key(name, key_file)
    _run_step(commands.add_version(deployment), f"Storing the API key in {name}", stdin=key)


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


def _prepare_state(deployment: Deployment, *, create: bool) -> bool:
    """Configure Terraform's state; return False if it has no bucket and `create` is False.

    Does not change a backend.tf that the user wrote.
    """
    file = INFRA / "backend.tf"
    if file.exists() and not file.read_text(encoding="utf-8").startswith(BACKEND_MARK):
        print(f"State: as configured in {file}.")
        return True
    if not _succeeds(commands.describe_bucket(deployment)):
        if not create:
            file.unlink(missing_ok=True)
            print("State: none yet, so this is the plan of an empty project.")
            return False
        _run_step(commands.create_bucket(deployment), f"Creating gs://{deployment.state_bucket}")
    if create:
        _run_step(commands.enable_versioning(deployment), "Enabling versions of the state")
    file.write_text(commands.render_backend(deployment), encoding="utf-8")
    print(f"State: gs://{deployment.state_bucket}/{deployment.state_prefix}")
    return True


def _describe_remaining(deployment: Deployment) -> str:
    project, bucket = deployment.project, deployment.state_bucket
    return (
        "Destroyed. These remain; remove them with:\n"
        f"  the API key     gcloud secrets delete {deployment.api_key_secret} --project={project}\n"
        f"  the state       gcloud storage rm --recursive gs://{bucket}\n"
        "With deletion_protection, the Firestore database remains too."
    )


def _run_step(command: Command, title: str, *, stdin: str | None = None) -> None:
    print(f"== {title}", flush=True)
    completed = subprocess.run(command, cwd=INFRA, input=stdin, text=True, check=False)
    if completed.returncode:
        raise FailedError(
            f"{title}: `{shlex.join(command[:3])}` ended with {completed.returncode}."
        )


def _succeeds(command: Command) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _read_output(command: Command) -> str:
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise FailedError(
            f"`{shlex.join(command)}` ended with {completed.returncode}: {completed.stderr.strip()}"
        )
    return completed.stdout.strip()
