"""Whether each function runs the deployed source.

When the build of an update fails, Google keeps the old revision, and the function is still active.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.deploy.resources import Json, Resource


@dataclass(frozen=True, slots=True)
class Stale:
    """A function that does not run the deployed source: its name in Google Cloud, and why."""

    name: str
    reason: str


def find_stale(outputs: Json, listed: Sequence[Json]) -> list[Stale]:
    """Compare `terraform output -json` with `gcloud functions list --v2 --format=json`.

    Raises `KeyError` if an output is missing: the state is of another version.
    """
    source_hash = outputs["source_hash"]["value"]
    deployed = {function["name"].rpartition("/")[2]: function for function in listed}
    checks = (
        (name, _explain(deployed.get(name), source_hash))
        for name in sorted(outputs["functions"]["value"].values())
    )
    return [Stale(name, reason) for name, reason in checks if reason]


def find_addresses(resources: Sequence[Resource]) -> Mapping[str, str]:
    """Return the address in the state of each function, by its name in Google Cloud."""
    return {
        str(resource.values["name"]): resource.address
        for resource in resources
        if resource.type == "google_cloudfunctions2_function"
    }


def _explain(function: Json | None, source_hash: str) -> str:
    if function is None:
        return "it does not exist"
    if function.get("state") != "ACTIVE":
        return f"its state is {function.get('state')}"
    variables = function.get("serviceConfig", {}).get("environmentVariables", {})
    if variables.get("SOURCE_HASH") != source_hash:
        return "it runs another source"
    return ""
