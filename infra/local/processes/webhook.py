"""Registers the stand-in's webhook with the function that receives it, as `webhook ensure` does."""

from pathlib import Path

from infra.local.processes.upstream import Upstream
from videovector_bridge.cli.context import open_client
from videovector_bridge.cli.webhook.ensure import ensure
from videovector_bridge.cli.webhook.secret_rotator import SecretRotator
from videovector_bridge.cli.webhook.secret_store import FileStore
from videovector_bridge.cli.webhook.webhook_spec import WebhookSpec
from videovector_bridge.secret import Secret
from videovector_bridge.settings import ApiSettings

_NAME = "default"  # the name that the command line uses without --name
_TIMEOUT_SECONDS = 10.0


def register_webhook(upstream: Upstream, url: str, secrets_file: Path) -> None:
    """Have every webhook event delivered to `url`; store the secret in `secrets_file`."""
    api = ApiSettings(upstream.api_url, Secret(upstream.key), "repeat", "0", _TIMEOUT_SECONDS)
    rotator = SecretRotator(_NAME, FileStore(secrets_file), notify=_ignore)
    with open_client(api) as client:
        spec = WebhookSpec(_NAME, url, tuple(client.event_names()))
        ensure(client, rotator, spec, grace_seconds=0, notify=_ignore)


def _ignore(_message: str) -> None:
    """Drop progress messages; the launcher prints its own."""
