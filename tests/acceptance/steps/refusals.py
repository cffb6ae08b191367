"""Changes that would delete data, and that Terraform refuses."""

from collections.abc import Mapping
from typing import Any

from tests.acceptance.bridge import Bridge, check
from tests.acceptance.cloud import Cloud, Variables

_KEY = "projects/{project_id}/locations/{region}/keyRings/other/cryptoKeys/other"


def refuse_changes(bridge: Bridge[Cloud]) -> str:
    """A later key, region, prefix or database is refused with a sentence, and nothing changes."""
    before = bridge.state
    failures = []
    refused = _refused_changes(bridge.variables)
    for name, (value, sentence) in refused.items():
        report = bridge.workspace.apply({**bridge.variables, name: value})
        if report.ok:
            failures.append(f"another {name} was applied")
        elif not any(sentence in error for error in report.errors):
            failures.append(f"another {name} was not refused with {sentence!r}: {report.errors}")
    if bridge.state.resources != before.resources:
        failures.append("a refused change changed the state")
    check(failures)
    return ", ".join(refused)


def _refused_changes(variables: Variables) -> Mapping[str, tuple[Any, str]]:
    """Return variable -> its other value, and a part of the sentence that refuses it."""
    return {
        "kms_key": (_KEY.format(**variables), "but this bridge was created with"),
        "region": ("europe-west4", "but this bridge is in"),
        "prefix": ("other-", "but this bridge has"),
        "firestore": ({"database": "other"}, "but this bridge has its cursors in"),
    }
