"""Terraform's Firestore configuration fits the documents that the code writes."""

import pytest

from tests.infra.conftest import Changes
from videovector_bridge.automate.effects.store import COLLECTION as EFFECTS
from videovector_bridge.backends.document_limits import END_FIELD
from videovector_bridge.cli.operate.doctor.cloud_checks import PROBES
from videovector_bridge.watch.doctor.resources import TTL_FIELDS
from videovector_bridge.work import FINISHED, OPEN


@pytest.mark.parametrize("plan", ["default", "everything"])
def test_documents_that_end_have_a_ttl_and_no_indexes(changes: Changes) -> None:
    """In each collection, no field has an index, and the field with the end time has a TTL."""
    fields = [
        each["change"]["after"] for each in changes if each["type"] == "google_firestore_field"
    ]

    assert {(each["collection"], each["field"], bool(each["ttl_config"])) for each in fields} == {
        (collection, field, field == END_FIELD)
        for collection in (EFFECTS, FINISHED, OPEN, PROBES)
        for field in ("*", END_FIELD)
    }
    assert all(not index["indexes"] for each in fields for index in each["index_config"])
    assert all(each["index_config"] for each in fields)


def test_doctor_knows_the_same_policies() -> None:
    """It reports one that is missing."""
    policies = dict.fromkeys((EFFECTS, FINISHED, OPEN, PROBES), END_FIELD)

    assert policies == TTL_FIELDS
