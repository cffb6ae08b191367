"""Terraform's state: its bucket, its configuration, and the states of other deployments."""

import json
from enum import Enum
from typing import Any

from infra.deploy import gcloud, terraform
from infra.deploy.old_addresses import Move
from infra.deploy.processes import INFRA, FailedError, read_if_exists, read_output, run_step
from infra.deploy.resources import Json
from infra.deploy.settings import Deployment


class Place(Enum):
    """Where the state is."""

    BUCKET = "in the bucket of the project"
    OWN = "where the user's own backend.tf says"
    NOWHERE = "there is no bucket yet"


def prepare(deployment: Deployment, *, create: bool) -> Place:
    """Configure where Terraform's state is; create its bucket only with `create`.

    Does not change a backend.tf that the user wrote.
    """
    file = INFRA / "backend.tf"
    if file.exists() and not file.read_text(encoding="utf-8").startswith(terraform.BACKEND_MARK):
        print(f"State: as configured in {file}; NAME does not select it.")
        return Place.OWN
    bucket = f"gs://{deployment.state_bucket}"
    if read_if_exists(gcloud.describe_bucket(deployment), gcloud.NO_BUCKET) is None:
        if not create:
            file.unlink(missing_ok=True)
            return Place.NOWHERE
        run_step(gcloud.create_bucket(deployment), f"Creating {bucket}")
    if create:
        run_step(gcloud.enable_versioning(deployment), "Enabling versions of the state")
    file.write_text(terraform.render_backend(deployment), encoding="utf-8")
    print(f"State: {deployment.state_url}")
    return Place.BUCKET


def read() -> Json:
    """Return the state; empty if there is none."""
    return dict(json.loads(read_output(terraform.pull_state()) or "{}"))


def rename(moves: list[Move]) -> None:
    """Rename resources in the state."""
    print(f"== Renaming {len(moves)} resources in the state, which changes no resource", flush=True)
    for move in moves:
        read_output(terraform.move(move.source, move.target))


def list_others(deployment: Deployment) -> list[str]:
    """Return the addresses of the other states in the bucket."""
    listed = read_if_exists(gcloud.list_states(deployment), gcloud.NO_OBJECT) or ""
    return sorted({line for line in listed.splitlines() if line} - {deployment.state_url})


def read_others(deployment: Deployment) -> dict[str, Any]:
    """Return the other states in the bucket, by their address."""
    states = {}
    for url in list_others(deployment):
        content = read_output(gcloud.read_object(deployment, url))
        try:
            states[url] = json.loads(content)
        except ValueError:
            raise FailedError(
                f"{url} is not a state of Terraform, so it is unknown what it manages. Nothing is "
                "applied: restore an older version of it, or move it to another bucket."
            ) from None
    return states
