"""Resources in Terraform's state, and which of them hold data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]

# Type: what it is, the attribute with its name, and what it holds.
_HOLDERS: Mapping[str, tuple[str, str, str]] = {
    "google_firestore_database": ("database", "name", "every cursor, lease and effect record"),
    "google_storage_bucket": ("bucket", "name", "files"),
    "google_bigquery_dataset": ("dataset", "dataset_id", "the table of events"),
    "google_bigquery_table": ("table", "table_id", "a copy of every event"),
    "google_pubsub_topic": ("topic", "name", "messages that are not delivered yet"),
    "google_pubsub_subscription": ("subscription", "name", "messages that nobody has read yet"),
    "google_secret_manager_secret": ("secret", "secret_id", "the secrets of the webhook"),
}
_BUCKETS = {
    "archive": "the archive of events",
    "claims": "events too large for a message",
    "previews": "previews",
}
# Type: the attribute, and its value when the provider or Google refuses to delete what has data.
_PROTECTIONS: Mapping[str, tuple[str, object]] = {
    "google_firestore_database": ("delete_protection_state", "DELETE_PROTECTION_ENABLED"),
    "google_storage_bucket": ("force_destroy", False),
    "google_bigquery_dataset": ("delete_contents_on_destroy", False),
    "google_bigquery_table": ("deletion_protection", True),
}


@dataclass(frozen=True, slots=True)
class Resource:
    """A managed resource, one instance of it. `module` is empty in the root module.

    `dependencies` are addresses without keys, as Terraform records them.
    """

    type: str
    name: str
    module: str = ""
    key: str | int | None = None
    values: Json = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()

    @property
    def all_instances(self) -> str:
        """The address of the resource in its module, with all its instances."""
        return ".".join(part for part in (self.module, self.type, self.name) if part)

    @property
    def address(self) -> str:
        """The address of this instance."""
        key = "" if self.key is None else f"[{json.dumps(self.key)}]"
        return f"{self.all_instances}{key}"

    @property
    def cloud_name(self) -> str:
        """The name that Google Cloud knows, such as `(default)`; empty if this holds no data."""
        return str(self.values.get(_HOLDERS[self.type][1], "")) if self.type in _HOLDERS else ""

    @property
    def title(self) -> str:
        """What it is and its name, such as `database (default)`; for what may hold data."""
        return f"{_HOLDERS[self.type][0]} {self.cloud_name}"

    @property
    def data(self) -> str | None:
        """What data it holds, that its deletion would lose; None if it holds none."""
        if self.type not in _HOLDERS:
            return None
        if self.type == "google_storage_bucket":
            # What is deployed can be uploaded again.
            return None if self.name == "source" else _BUCKETS.get(self.name, "files")
        if self.type == "google_pubsub_subscription" and self.name != "pull":
            return None
        return _HOLDERS[self.type][2]

    @property
    def protected(self) -> bool:
        """Whether the provider or Google refuses to delete it together with its data."""
        attribute, value = _PROTECTIONS.get(self.type, ("", None))
        return bool(attribute) and self.values.get(attribute) == value


def list_resources(state: Json) -> list[Resource]:
    """Return the managed resources of a state (`terraform state pull`), without deposed objects."""
    return [
        Resource(
            type=resource["type"],
            name=resource["name"],
            module=resource.get("module", ""),
            key=instance.get("index_key"),
            values=instance["attributes"],
            dependencies=tuple(instance.get("dependencies", ())),
        )
        for resource in state.get("resources", ())
        if resource["mode"] == "managed"
        for instance in resource["instances"]
        if "deposed" not in instance
    ]
