"""A local stack without processes: a backend, and `build/endpoints.json` in the current folder.

Commands run in this process, or in one of their own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.commands import CommandResult, run_command
from tests.support.local_deployment import write_endpoints
from videovector_bridge.backends import BackendSettings, open_backend, open_collections
from videovector_bridge.backends.ports import Message
from videovector_bridge.cli.context import CommandContext

PATIENCE = 20.0


class LocalStack:
    """Runs commands with `--local`, and publishes messages."""

    def __init__(
        self, folder: Path, settings: BackendSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.settings = settings
        self.backend = open_backend(settings)
        self._file = write_endpoints(folder, settings)
        monkeypatch.chdir(folder)

    def describe(self, **fields: Any) -> None:
        """Change fields of the deployment's description."""
        endpoints = json.loads(self._file.read_text(encoding="utf-8"))
        endpoints["deployment"].update(fields)
        self._file.write_text(json.dumps(endpoints), encoding="utf-8")

    def run(self, *arguments: str, stdin: str = "") -> CommandResult:
        """Run a command in this process."""
        return run_command(*arguments, "--local", stdin=stdin, context=CommandContext(environ={}))

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command in a process of its own, with pipes."""
        command = [sys.executable, "-m", "videovector_bridge.cli", *arguments, "--local"]
        paths = [str(ROOT / "functions"), os.environ.get("PYTHONPATH", "")]
        return subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def publish(self, *messages: Message, topic: str = "events") -> None:
        """Publish messages, one request each."""
        for message in messages:
            self.backend.topics.publish(topic, [message], timeout=PATIENCE)

    def audit(self) -> list[Mapping[str, Any]]:
        """Return the records of changes, the oldest first."""
        listed = open_collections(self.settings).list("audit", limit=100, timeout=PATIENCE)
        return [document.fields for _, document in listed]
