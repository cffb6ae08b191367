"""A deployment cannot change what would replace its data: the plan is refused with a sentence."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.terraform import plan_problems, terraform

BRIDGE = ROOT / "infra" / "modules" / "bridge"
KEY = "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k"
DEPLOYED = {
    "project_id": "test-project",
    "source_archive": {"path": "functions.zip", "hash": "0123abcd"},
    "topology": json.loads((ROOT / "infra" / "topology.json").read_text(encoding="utf-8")),
    "bigquery": {},
}
# What changes, and how each error starts.
CHANGES: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
    "another project": (
        {
            "project_id": "other-project",
            "previews": {"bucket": "test-project-videovector-previews"},
        },
        ("project_id is other-project, but this state manages a bridge in test-project.",),
    ),
    "another region": (
        {
            "region": "europe-west1",
            "firestore": {"location": "us-central1"},
            "bigquery": {"location": "us-central1"},
        },
        ("region is europe-west1, but this bridge is in us-central1.",),
    ),
    "a prefix": (
        {
            "prefix": "two-",
            "firestore": {"database": "(default)"},
            "bigquery": {"dataset": "videovector"},
            "previews": {"bucket": "test-project-videovector-previews"},
        },
        ('prefix is "two-", but this bridge has "".',),
    ),
    "a key": ({"kms_key": KEY}, (f"kms_key is {KEY}, but this bridge was created with null.",)),
    "another database": (
        {"firestore": {"database": "other-state"}},
        ("The Firestore database is other-state, but this bridge has its cursors in (default).",),
    ),
    "another location of the database": (
        {"firestore": {"location": "nam5"}},
        ("The Firestore location is nam5, but this bridge has its database in us-central1.",),
    ),
    "another bucket of previews": (
        {"previews": {"bucket": "mine"}},
        ("The bucket of previews is mine, but this bridge has its previews in test-project-",),
    ),
    "another dataset": (
        {"bigquery": {"dataset": "other"}},
        ("bigquery names other in us-central1, but the events of this bridge are in videovector",),
    ),
    "another location of the dataset": (
        {"bigquery": {"location": "EU"}},
        ("bigquery names videovector in EU, but the events of this bridge are in videovector",),
    ),
    # What follows from the region and the prefix has no sentence of its own.
    "everything": (
        {"project_id": "other-project", "region": "europe-west1", "prefix": "two-", "kms_key": KEY},
        (
            "project_id is",
            "region is",
            "prefix is",
            "kms_key is",
            "bigquery names",
        ),
    ),
}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module with what modules/bridge remembers, after an apply."""
    folder = tmp_path_factory.mktemp("identity")
    shutil.copy(BRIDGE / "variables.tf", folder)
    # The order of creation needs Google's provider; what is remembered does not.
    identity = (BRIDGE / "identity.tf").read_text(encoding="utf-8")
    without_order = re.sub(r"(?m)^  depends_on = .*\n", "", identity)
    (folder / "identity.tf").write_text(without_order, encoding="utf-8")
    (folder / "terraform.tfvars.json").write_text(json.dumps(DEPLOYED), encoding="utf-8")
    done = terraform(folder, "apply", "-auto-approve", "-input=false")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(("values", "starts"), CHANGES.values(), ids=CHANGES)
def test_a_change_that_replaces_data_is_refused(
    deployment: Path, values: dict[str, object], starts: tuple[str, ...]
) -> None:
    """The error names both values, and what is lost or what to set; every change is named."""
    problems = plan_problems(deployment, values)

    assert [each for each in problems if not each.startswith(starts)] == []
    assert len(problems) == len(starts)
    assert all("Migrations" in each or "NAME=" in each for each in problems)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"firestore": {"database": "(default)", "location": "us-central1"}},
        {"bigquery": None},
        {"archive": {}, "deletion_protection": False, "streams": {"other": {}}},
    ],
    ids=["none", "the same names", "no copies", "options"],
)
def test_other_changes_are_planned(deployment: Path, values: dict[str, object]) -> None:
    """What holds data keeps its name and place."""
    assert plan_problems(deployment, values) == []


def test_a_refused_change_leaves_no_trace(deployment: Path) -> None:
    """The next plan with the first values is empty."""
    plan_problems(deployment, {"kms_key": KEY})

    assert terraform(deployment, "plan", "-detailed-exitcode").returncode == 0
