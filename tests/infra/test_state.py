"""Terraform's Firestore configuration fits the documents that the code writes."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.infra.conftest import Runs
from videovector_bridge.automate.effects.store import COLLECTION
from videovector_bridge.backends.document_limits import END_FIELD


@pytest.fixture(params=["default", "everything"])
def fields(runs: Runs, request: pytest.FixtureRequest) -> list[Mapping[str, Any]]:
    """The configured fields, planned without and with all options."""
    changes = runs("grants.tftest.hcl")[request.param].changes
    kind = "google_firestore_field"
    return [each["change"]["after"] for each in changes if each["type"] == kind]


def test_effect_records_have_a_ttl_and_no_indexes(fields: list[Mapping[str, Any]]) -> None:
    """No field has an index, and the field with the end time has a TTL."""
    assert {each["collection"] for each in fields} == {COLLECTION}
    assert {each["field"]: bool(each["ttl_config"]) for each in fields} == {
        "*": False,
        END_FIELD: True,
    }
    assert all(not index["indexes"] for each in fields for index in each["index_config"])
    assert all(each["index_config"] for each in fields)
