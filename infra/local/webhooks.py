"""The stand-in's webhook to the function that receives it, as `webhook ensure` makes it."""

from pathlib import Path

from infra.local.processes.upstream import Upstream
from videovector_bridge.cli.context import open_client
from videovector_bridge.cli.webhook.ensure import ensure
from videovector_bridge.cli.webhook.secret_rotator import SecretRotator
from videovector_bridge.cli.webhook.secret_store import FileStore
from videovector_bridge.cli.webhook.webhook_spec import WebhookSpec
from videovector_bridge.secret import Secret
from videovector_bridge.settings import ApiSettings

_NAME = "default"  # the one that the command line means without --name
_ANSWER_SECONDS = 10.0


def subscribe(upstream: Upstream, url: str, secrets_file: Path) -> None:
    """Have everything that webhooks are told of delivered to `url`; keep the secret in a file."""
    api = ApiSettings(upstream.api_url, Secret(upstream.key), "repeat", "0", _ANSWER_SECONDS)
    rotator = SecretRotator(_NAME, FileStore(secrets_file), notify=_quiet)
    with open_client(api) as client:
        spec = WebhookSpec(_NAME, url, tuple(client.event_names()))
        ensure(client, rotator, spec, grace_seconds=0, notify=_quiet)


def _quiet(_message: str) -> None:
    """The launcher tells what it does itself."""
