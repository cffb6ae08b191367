"""The environment and the API client of a command."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from videovector_bridge.api.webhooks import WebhooksClient, open_webhooks
from videovector_bridge.settings import ApiSettings
from videovector_bridge.settings.cli import read_api_settings


def open_client(settings: ApiSettings) -> WebhooksClient:
    """Return a client for webhooks. It connects on the first request."""
    return open_webhooks(
        settings.base_url,
        settings.key.current,
        timeout_seconds=settings.timeout_seconds,
        user_agent="videovector-bridge-cli",
    )


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The environment of a command, which tests replace. Typer passes it as `ctx.obj`."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    connect: Callable[[ApiSettings], WebhooksClient] = open_client

    def open_client(self, problems: Sequence[str] = ()) -> WebhooksClient:
        """Return a client for webhooks.

        Raises `SettingsError` with `problems` of the options and every wrong variable.
        """
        return self.connect(read_api_settings(self.environ, problems))
