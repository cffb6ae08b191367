"""What Terraform's state holds: addresses of resources, attributes, outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class State:
    """`resources`: attributes by address, without data sources. `outputs`: values by name."""

    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)

    def list_cloud_resources(self) -> list[str]:
        """Return the addresses of what exists in the cloud, not only in the state."""
        return sorted(address for address in self.resources if "terraform_data." not in address)


def read_state(content: Mapping[str, Any]) -> State:
    """Read the JSON of a state file of version 4."""
    resources = {
        _address(resource, instance): instance.get("attributes", {})
        for resource in content.get("resources", [])
        if resource["mode"] == "managed"
        for instance in resource["instances"]
        if "deposed" not in instance
    }
    outputs = {name: each["value"] for name, each in content.get("outputs", {}).items()}
    return State(resources, outputs)


def _address(resource: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    module = f"{resource['module']}." if "module" in resource else ""
    match instance.get("index_key"):
        case None:
            key = ""
        case int(index):
            key = f"[{index}]"
        case name:
            key = f'["{name}"]'
    return f"{module}{resource['type']}.{resource['name']}{key}"
