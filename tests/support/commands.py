"""Run the command line in this process, with a fake VideoVector or without any."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.webhook_api import URL, WebhookApi, webhook
from videovector_bridge.cli.app import app
from videovector_bridge.cli.context import CommandContext

KEY = "opaque-0123456789-credential"


class CommandResult:
    """The exit status of a command and its output; no secret may be in the output.

    Error output is on one line, without the frames that Typer draws.
    """

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = " ".join(err.replace("│", " ").split())

        assert KEY not in self.out + self.err
        assert "word-" not in self.out + self.err
        assert "deadbeef" not in self.out + self.err

    @property
    def json(self) -> Any:
        """Standard output, which must be JSON only."""
        return json.loads(self.out)


def run_command(
    *arguments: str, stdin: str = "", context: CommandContext | None = None
) -> CommandResult:
    """Run a command, by default in an empty environment. Raises errors that it does not handle."""
    context = context or CommandContext(environ={})
    result = CliRunner().invoke(app, list(arguments), input=stdin, obj=context)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return CommandResult(result.exit_code, result.stdout, result.stderr)


class WebhookCommands:
    """The commands `webhook ...` with a fake VideoVector, embedded backend in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.api = WebhookApi()
        self.secret_file = folder / "secrets"
        self.embedded_folder = folder / "embedded"
        self._environ = {
            "VIDEO_VECTOR_API_KEY": KEY,
            "BACKEND": "embedded",
            "EMBEDDED_DIR": str(self.embedded_folder),
        }

    def context(self, environ: Mapping[str, str] | None = None) -> CommandContext:
        """Return a context whose client talks to the fake; `environ` overrides variables."""
        return CommandContext(
            self._environ | dict(environ or {}), lambda _settings: self.api.client()
        )

    def run(
        self, *arguments: str, stdin: str = "", environ: Mapping[str, str] | None = None
    ) -> CommandResult:
        """Run `webhook` with these arguments."""
        return run_command("webhook", *arguments, stdin=stdin, context=self.context(environ))

    def ensure(self, *more: str) -> CommandResult:
        """Run `webhook ensure` with the secret in `secret_file`."""
        return self.run("ensure", "--url", URL, "--secret-file", str(self.secret_file), *more)

    def add(self, *webhooks: dict[str, Any]) -> None:
        """Create webhooks in the fake API; without any, the bridge's webhook `w1`."""
        for each in webhooks or (webhook("w1"),):
            self.api.webhooks[each["webhook_id"]] = each
            self.api.secrets[each["webhook_id"]] = f"word-{each['webhook_id']}-0"


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[WebhookCommands]:
    """The commands `webhook ...` with a fake VideoVector that has no webhooks yet."""
    commands = WebhookCommands(tmp_path)
    yield commands
    # Proxies may log these keys.
    assert not [key for key in commands.api.keys if "word" in key or KEY in key]
