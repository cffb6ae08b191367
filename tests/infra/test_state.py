"""Terraform's Firestore configuration fits the documents that the code writes."""

import pytest

from tests.infra.conftest import Changes
from videovector_bridge.automate.effects.store import COLLECTION
from videovector_bridge.backends.document_limits import END_FIELD


@pytest.mark.parametrize("plan", ["default", "everything"])
def test_effect_records_have_a_ttl_and_no_indexes(changes: Changes) -> None:
    """No field has an index, and the field with the end time has a TTL."""
    fields = [
        each["change"]["after"] for each in changes if each["type"] == "google_firestore_field"
    ]

    assert {each["collection"] for each in fields} == {COLLECTION}
    assert {each["field"]: bool(each["ttl_config"]) for each in fields} == {
        "*": False,
        END_FIELD: True,
    }
    assert all(not index["indexes"] for each in fields for index in each["index_config"])
    assert all(each["index_config"] for each in fields)
