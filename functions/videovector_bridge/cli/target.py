"""What a command works on: a deployment in a project, or the local stack."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer

from videovector_bridge.api.client import VideoVectorClient
from videovector_bridge.api.webhooks import WebhooksClient
from videovector_bridge.backends import (
    Backend,
    open_backend,
    open_backlogs,
    open_collections,
    open_inventory,
    open_subscriptions,
)
from videovector_bridge.backends.inventory_port import Inventory
from videovector_bridge.backends.reading_ports import Backlogs, Collections, Subscriptions
from videovector_bridge.cli.context import open_client
from videovector_bridge.environment import Environment
from videovector_bridge.errors import BackendError, SettingsError
from videovector_bridge.secret import Secret
from videovector_bridge.settings import ApiSettings, is_api_key
from videovector_bridge.settings.api import read_api
from videovector_bridge.settings.deployment import (
    OBJECT_NAME,
    Deployment,
    parse_deployment,
    source_bucket,
)

ENDPOINTS_FILE = Path("build/endpoints.json")
_READ_SECONDS = 20.0
_EMULATORS = {
    "PUBSUB_EMULATOR_HOST": "pubsub_emulator_host",
    "FIRESTORE_EMULATOR_HOST": "firestore_emulator_host",
    "STORAGE_EMULATOR_HOST": "storage_emulator_host",
}

Project = Annotated[
    str,
    typer.Option("--project", help="The Google Cloud project of the deployment."),
]
Prefix = Annotated[
    str, typer.Option("--prefix", help="The prefix of the deployment, if it has one.")
]
Local = Annotated[
    bool,
    typer.Option("--local", help="The local stack of `make serve`, from build/endpoints.json."),
]


@dataclass(frozen=True)
class Target:
    """A deployment, with its ports. They connect at their first use.

    `environ` may name another API key than the deployment's secret.
    """

    name: str
    deployment: Deployment
    environ: Mapping[str, str]

    @property
    def is_local(self) -> bool:
        """Whether this is the local stack, where Google's administration APIs do not exist."""
        return self.name == _LOCAL_NAME

    @cached_property
    def backend(self) -> Backend:
        """Topics, documents and files."""
        return open_backend(self.deployment.backend)

    @cached_property
    def collections(self) -> Collections:
        """Documents by collection."""
        return open_collections(self.deployment.backend)

    @cached_property
    def subscriptions(self) -> Subscriptions:
        """Subscriptions by pull."""
        return open_subscriptions(self.deployment.backend)

    @cached_property
    def backlogs(self) -> Backlogs:
        """How much subscriptions have to deliver."""
        return open_backlogs(self.deployment.backend)

    @cached_property
    def inventory(self) -> Inventory | None:
        """How resources are configured; None where there is no such API."""
        return open_inventory(self.deployment.backend)

    @cached_property
    def api(self) -> ApiSettings:
        """How to reach VideoVector: with the key of the environment, else with the deployment's.

        Raises `SettingsError` or `BackendError` if there is no key.
        """
        environ = {**self.environ, "VIDEO_VECTOR_BASE_URL": self.deployment.api_base_url}
        secret = self.deployment.api_key_secret
        has_key = any(environ.get(name) for name in _KEYS)
        if has_key or not secret:
            return _check(Environment(environ))
        placeholder = {"VIDEO_VECTOR_API_KEY": "read-from-the-secret"}  # pragma: allowlist secret
        return replace(_check(Environment({**environ, **placeholder})), key=_read_key(secret))

    def open_api(self) -> VideoVectorClient:
        """Return a client of VideoVector's API. Raises as `api` does."""
        return VideoVectorClient(
            self.api.base_url,
            self.api.key.current,
            timeout_seconds=self.api.timeout_seconds,
            user_agent="videovector-bridge-cli",
        )

    def open_webhooks(self) -> WebhooksClient:
        """Return a client for webhooks at VideoVector. Raises as `api` does."""
        return open_client(self.api)


_LOCAL_NAME = "the local stack"
_KEYS = ("VIDEO_VECTOR_API_KEY", "VIDEO_VECTOR_API_KEY_FILE")


def open_target(
    environ: Mapping[str, str],
    *,
    project: str,
    prefix: str,
    local: bool,
    endpoints: Path = ENDPOINTS_FILE,
) -> Target:
    """Return the target that the options name. Raises `SettingsError` or `BackendError`."""
    if local == bool(project):
        raise SettingsError(["name one of --project PROJECT (with --prefix) and --local"])
    if local:
        return _open_local(environ, endpoints)
    from videovector_bridge.backends.gcp.objects import read_bucket_object  # noqa: PLC0415 - 100 ms

    bucket = source_bucket(project, prefix)
    where = f"gs://{bucket}/{OBJECT_NAME}"
    try:
        content = read_bucket_object(project, bucket, OBJECT_NAME, timeout=_READ_SECONDS)
    except BackendError as error:
        raise BackendError(
            f"{where}, which describes the deployment, cannot be read: is it deployed with this "
            f"--project and --prefix, and do you have roles/storage.objectViewer there? {error}"
        ) from error
    return Target(f"project {project}", parse_deployment(_load(content, where), where), environ)


def describe_options(project: str, prefix: str) -> str:
    """Return the options that name a target, for commands in messages."""
    if not project:
        return "--local"
    return f"--project {project}" + (f" --prefix {prefix}" if prefix else "")


def _open_local(environ: Mapping[str, str], file: Path) -> Target:
    try:
        content = file.read_bytes()
    except OSError as error:
        problem = f"--local: {file} cannot be read ({error.strerror}); `make serve` writes it"
        raise SettingsError([problem]) from None
    endpoints = _load(content, str(file))
    # Google's libraries read these variables themselves.
    os.environ.update(
        {name: endpoints[key] for name, key in _EMULATORS.items() if endpoints.get(key)}
    )
    # A key of the environment belongs to another API than the stand-in.
    if key := (endpoints.get("api_keys") or {}).get("admin"):
        environ = {**environ, "VIDEO_VECTOR_API_KEY": key}
    return Target(_LOCAL_NAME, parse_deployment(endpoints.get("deployment"), str(file)), environ)


def _load(content: bytes, where: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise SettingsError([f"{where} is not JSON: {error}"]) from None


def _check(env: Environment) -> ApiSettings:
    settings = read_api(env)
    if env.problems:
        raise SettingsError(env.problems)
    return settings


def _read_key(secret: str) -> Secret:
    from videovector_bridge.backends.gcp.secret_manager import LatestVersion  # noqa: PLC0415 - 200 ms

    key = (LatestVersion(secret).read() or "").strip()
    if not is_api_key(key):
        raise SettingsError([f"{secret} has no API key: store one, or set VIDEO_VECTOR_API_KEY"])
    return Secret(key)
