"""Deploy: what Terraform finds ready, then Terraform itself."""

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
    """A step failed; the message says which, and what to do."""


def run(verb: str, deployment: Deployment, *, key_file: Path | None, approved: bool) -> None:
    """Plan, deploy or destroy. FailedError where a step fails; what was done stays done."""
    _need_tools()
    _answer(commands.describe_project(deployment))
    if verb != "destroy":
        _check_filters(deployment)
    if verb == "deploy":
        _do(commands.enable_apis(deployment), "Enabling APIs")
        _keep_secret(deployment, key_file)
    kept = _keep_state(deployment, create=verb == "deploy")
    if verb == "destroy" and not kept:
        raise FailedError(
            f"No state in gs://{deployment.state_bucket}: there is nothing to destroy."
        )
    _do(commands.terraform_init(), "Terraform: init")
    if verb == "deploy":
        _apply(deployment, approved=approved)
    else:
        _do(commands.terraform(deployment, verb, approved=approved), f"Terraform: {verb}")
    if verb == "destroy":
        print(_left(deployment))


def _apply(deployment: Deployment, *, approved: bool) -> None:
    started = datetime.now(UTC)
    before = _subscriptions()
    _do(commands.terraform(deployment, "apply", approved=approved), "Terraform: apply")
    print("Deployed. For webhooks, run what the output webhook_command says.")
    for name, subscription in _subscriptions().items():
        if before.get(name, subscription) != subscription:
            again = commands.seek(deployment, subscription, started.strftime("%Y-%m-%dT%H:%M:%SZ"))
            print(
                f"The filter of {name} changed: {subscription} is in the place of {before[name]}.\n"
                f"What that one had not delivered yet went with it. Deliver it again, with a time\n"
                f"as early as its oldest message (effects that were done are not done again):\n"
                f"  {shlex.join(again)}"
            )


def _subscriptions() -> dict[str, str]:
    """The subscription that pushes to each function; none before the first apply."""
    done = subprocess.run(
        commands.subscriptions(), cwd=INFRA, capture_output=True, text=True, check=False
    )
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {}


def _need_tools() -> None:
    missing = [name for name in ("gcloud", "terraform") if shutil.which(name) is None]
    if missing:
        raise FailedError(f"{' and '.join(missing)} not found: see infra/README.md, quick start.")


def _check_filters(deployment: Deployment) -> None:
    """A filter that lets too little through would keep an event from its automation."""
    chosen = ["--file", str(deployment.automations_file)] if deployment.automations_file else []
    wanted = ["automations", "filters", *chosen, "--topology", str(INFRA / "topology.json")]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "videovector-bridge"), *wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FailedError(
            "The automations and the subscriptions' filters do not fit together.\n"
            f"{done.stderr.strip()}\n"
            f"Put them right with: videovector-bridge {shlex.join(wanted)} --write"
        )


def _keep_secret(deployment: Deployment, key_file: Path | None) -> None:
    """The API key is in its secret. It is asked for, and is in no argument, log or state."""
    name = deployment.api_key_secret
    if not _holds(commands.describe_secret(deployment)):
        _do(commands.create_secret(deployment), f"Making the secret {name}")
    if _answer(commands.list_versions(deployment)):
        if key_file:
            print(
                f"The secret {name} has a key; {key_file} was not read. To replace the key: "
                f"gcloud secrets versions add {name} --data-file={key_file}"
            )
        return
    key = _key(name, key_file)
    _do(commands.add_version(deployment), f"Storing the API key in {name}", given=key)


def _key(name: str, file: Path | None) -> str:
    if file is not None:
        key = file.read_text(encoding="utf-8").strip()
        source = str(file)
    elif sys.stdin.isatty():
        key = getpass.getpass(f"VideoVector's API key, for the secret {name}: ").strip()
        source = "what was entered"
    else:
        raise FailedError(f"The secret {name} has no key yet. Give it by API_KEY_FILE=path.")
    if not is_api_key(key):
        raise FailedError(f"The API key is one line without blanks; {source} is not.")
    return key


def _keep_state(deployment: Deployment, *, create: bool) -> bool:
    """Terraform's state is in a bucket; False where there is none, and none was to be made.

    A backend.tf of one's own is left alone.
    """
    file = INFRA / "backend.tf"
    if file.exists() and not file.read_text(encoding="utf-8").startswith(BACKEND_MARK):
        print(f"State: as {file} says.")
        return True
    if not _holds(commands.describe_bucket(deployment)):
        if not create:
            file.unlink(missing_ok=True)
            print("State: none yet, so this is the plan of an empty project.")
            return False
        _do(commands.create_bucket(deployment), f"Making gs://{deployment.state_bucket}")
    if create:
        _do(commands.keep_old_states(deployment), "Keeping old versions of the state")
    file.write_text(commands.backend(deployment), encoding="utf-8")
    print(f"State: gs://{deployment.state_bucket}/{deployment.state_prefix}")
    return True


def _left(deployment: Deployment) -> str:
    project, bucket = deployment.project, deployment.state_bucket
    return (
        "Destroyed. What is left, and how to remove it:\n"
        f"  the API key     gcloud secrets delete {deployment.api_key_secret} --project={project}\n"
        f"  the state       gcloud storage rm --recursive gs://{bucket}\n"
        "  with deletion_protection also the Firestore database"
    )


def _do(command: Command, title: str, *, given: str | None = None) -> None:
    print(f"== {title}", flush=True)
    done = subprocess.run(command, cwd=INFRA, input=given, text=True, check=False)
    if done.returncode:
        raise FailedError(f"{title}: `{shlex.join(command[:3])}` ended with {done.returncode}.")


def _holds(command: Command) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _answer(command: Command) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FailedError(
            f"`{shlex.join(command)}` ended with {done.returncode}: {done.stderr.strip()}"
        )
    return done.stdout.strip()
