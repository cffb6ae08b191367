"""What Terraform configures in Firestore is about the documents that the code writes."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.infra.conftest import Runs
from videovector_bridge.automate.effects.store import COLLECTION
from videovector_bridge.backends.document_limits import END_FIELD


@pytest.fixture(params=["default", "everything"])
def fields(runs: Runs, request: pytest.FixtureRequest) -> list[Mapping[str, Any]]:
    """The configured fields, as planned with no option and with all."""
    changes = runs("grants.tftest.hcl")[request.param].changes
    kind = "google_firestore_field"
    return [each["change"]["after"] for each in changes if each["type"] == kind]


def test_fields_are_those_of_the_records_of_effects(fields: list[Mapping[str, Any]]) -> None:
    """All of them have no index, and the time of the end has Firestore delete the record."""
    assert {each["collection"] for each in fields} == {COLLECTION}
    assert {each["field"]: bool(each["ttl_config"]) for each in fields} == {
        "*": False,
        END_FIELD: True,
    }
    assert all(not index["indexes"] for each in fields for index in each["index_config"])
    assert all(each["index_config"] for each in fields)
