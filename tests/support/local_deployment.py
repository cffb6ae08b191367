"""A deployment without processes: its description, in the form that `make serve` writes."""

import json
from pathlib import Path
from typing import Any

from infra.local.configuration import read_configuration
from infra.local.description import describe_stack
from infra.local.topology import read_topology
from videovector_bridge.backends import BackendSettings

API_URL = "http://127.0.0.1:9/api/v2"


def describe(settings: BackendSettings, api_url: str = API_URL) -> dict[str, Any]:
    """Return the description of a local stack with this backend."""
    environment: dict[str, str] = {"BACKEND": settings.kind}
    if settings.kind == "embedded":
        environment["EMBEDDED_DIR"] = settings.embedded_dir
    else:
        environment["GOOGLE_CLOUD_PROJECT"] = settings.project
    configuration = read_configuration({})
    topology = read_topology()
    urls = {name: f"http://127.0.0.1:9/{name}" for name in topology.functions}
    return describe_stack(configuration, topology, environment, api_url=api_url, urls=urls)


def write_endpoints(
    folder: Path, settings: BackendSettings, *, api_url: str = API_URL, key: str = ""
) -> Path:
    """Write `build/endpoints.json` under `folder`, as `make serve` does, and return its path.

    The addresses of emulators stay those of the environment.
    """
    file = folder / "build" / "endpoints.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    endpoints = {
        "api_keys": {"admin": key} if key else {},
        "deployment": describe(settings, api_url),
    }
    file.write_text(json.dumps(endpoints), encoding="utf-8")
    return file
