"""What a plan of Terraform says of a deployment: its description, and resources of grants."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from videovector_bridge.settings.deployment import Deployment, parse_deployment

RESOURCE_ATTRIBUTES = (
    "topic",
    "subscription",
    "bucket",
    "secret_id",
    "repository",
    "service_account_id",
    "crypto_key_id",
    "table_id",
    "name",
    "project",
)
"""The attributes of a grant that name its resource; the first that is set does."""


def planned_object(changes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the planned object in the bucket of the source."""
    (planned,) = (
        each["change"]["after"]
        for each in changes
        if (each["type"], each["name"]) == ("google_storage_bucket_object", "description")
    )
    return dict(planned)


def planned_deployment(changes: Iterable[Mapping[str, Any]]) -> Deployment:
    """Return the description, as a command reads it."""
    return parse_deployment(json.loads(planned_object(changes)["content"]), "the plan")
