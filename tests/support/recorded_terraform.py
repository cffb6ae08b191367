"""What Terraform and Google Cloud answered, recorded for the tests of `infra.deploy`.

Terraform 1.11.4 with the providers google 7.45.0 and archive 2.8.0 wrote these files against a fake
Google Cloud, in a project `fake-project`, with BigQuery and the archive turned on. Attributes that
no decision reads are left out, and hashes are cut. For the plans that the configuration itself
refuses (another region, prefix or key), its postconditions were removed.
"""

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parents[1] / "unit" / "infra" / "deploy" / "recorded"
# After an apply with deletion_protection = false.
_UNPROTECTED = {
    "delete_protection_state": "DELETE_PROTECTION_DISABLED",
    "force_destroy": True,
    "delete_contents_on_destroy": True,
    "deletion_protection": False,
}


def read_recorded(name: str) -> Any:
    """Return a recorded JSON document, such as `plan_kms`."""
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def read_unprotected_state() -> Any:
    """Return the recorded state as it is after `deletion_protection = false` was applied."""
    state = read_recorded("state")
    for resource in state["resources"]:
        for instance in resource["instances"]:
            _unprotect(instance["attributes"])
    return state


def read_unprotected_plan(name: str) -> Any:
    """Return a recorded plan as it is after `deletion_protection = false` was applied."""
    plan = read_recorded(name)
    plan["variables"]["deletion_protection"] = {"value": False}
    for each in plan["resource_changes"]:
        _unprotect(each["change"]["before"] or {})
    return plan


def _unprotect(values: dict[str, Any]) -> None:
    values.update((name, value) for name, value in _UNPROTECTED.items() if name in values)
