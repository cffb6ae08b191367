"""The files that scripts read: `build/run.json` and `build/endpoints.json`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.description import describe_stack
from infra.local.stack import Stack


def write_result(result: Mapping[str, Any], file: Path) -> None:
    """Write the result of a run."""
    _write_json(result, file)


def write_endpoints(stack: Stack, file: Path) -> None:
    """Write every address of the stack."""
    upstream, environment = stack.upstream, stack.cloud.environment
    endpoints = {
        "api_url": upstream.api_url,
        # Never write the key of a real account to the file.
        "api_keys": dict(upstream.api_keys) if upstream.control else {},
        "control_url": upstream.control.url if upstream.control else None,
        "backend": stack.cloud.kind,
        "project_id": environment.get("GOOGLE_CLOUD_PROJECT"),
        "pubsub_emulator_host": environment.get("PUBSUB_EMULATOR_HOST"),
        "firestore_emulator_host": environment.get("FIRESTORE_EMULATOR_HOST"),
        "storage_emulator_host": environment.get("STORAGE_EMULATOR_HOST"),
        "embedded_dir": environment.get("EMBEDDED_DIR"),
        "webhook_secrets_file": str(stack.webhook_secrets) if stack.webhook_secrets else None,
        "functions": (urls := {name: each.url for name, each in stack.functions.items()}),
        "deployment": describe_stack(
            stack.configuration,
            stack.topology,
            environment,
            api_url=upstream.api_url,
            urls=urls,
            webhook_secrets=stack.webhook_secrets,
        ),
    }
    _write_json(endpoints, file)


def _write_json(value: Mapping[str, Any], file: Path) -> None:
    """Write the file in one step, so that a reader never sees a part of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    draft.replace(file)
