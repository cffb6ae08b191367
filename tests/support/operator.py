"""The operator's commands on a local stack: a stand-in API, a backend, and windows of `drain`."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.standin import StandIn, StandInConfig
from tests.support.commands import CommandResult, run_command
from tests.support.local_deployment import write_endpoints
from tests.support.windows import NO_JITTER
from videovector_bridge.backends import BackendSettings, open_backend, open_collections
from videovector_bridge.backends.ports import Document
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.ingest.outcome import WindowReport
from videovector_bridge.ingest.window import drain_window
from videovector_bridge.settings.drain import drain_settings

PATIENCE = 20.0


class Operator:
    """Runs commands with `--local` in a folder with `build/endpoints.json`."""

    def __init__(self, standin: StandIn, settings: BackendSettings) -> None:
        self.standin = standin
        self.settings = settings
        self.backend = open_backend(settings)
        self.environ: dict[str, str] = {}

    def run(self, *arguments: str, stdin: str = "") -> CommandResult:
        """Run a command on the local stack."""
        context = CommandContext(environ=self.environ)
        return run_command(*arguments, "--local", stdin=stdin, context=context)

    def drain(self, **variables: str) -> WindowReport:
        """Drain the stream `default` for one window, which ends when nothing is left."""
        settings = drain_settings(
            {
                "VIDEO_VECTOR_BASE_URL": self.standin.api_url,
                "VIDEO_VECTOR_API_KEY": self.standin.keys["read"],
                "BACKEND": self.settings.kind,
                "EMBEDDED_DIR": self.settings.embedded_dir,
                "GOOGLE_CLOUD_PROJECT": self.settings.project,
                "START_FROM": "earliest",
                "IDLE_SECONDS": "0.5",
                "LINGER_MS": "5",
            }
            | variables
        )
        stream = settings.streams["default"]
        return asyncio.run(drain_window(settings, stream, self.backend, tuning=NO_JITTER))

    def document(self, collection: str = "streams", id_: str = "default") -> Mapping[str, Any]:
        """Return the fields of a document."""
        stored = self._read(collection, id_)
        return stored.fields if stored is not None else {}

    def edit(self, collection: str = "streams", id_: str = "default", **fields: Any) -> None:
        """Change a document by hand, or create it."""
        stored = self._read(collection, id_)
        self.backend.documents.write(collection, id_, fields, replaces=stored, timeout=PATIENCE)

    def audit(self) -> list[Mapping[str, Any]]:
        """Return the records of changes, the oldest first."""
        listed = open_collections(self.settings).list("audit", limit=100, timeout=PATIENCE)
        return [document.fields for _, document in listed]

    def _read(self, collection: str, id_: str) -> Document | None:
        return self.backend.documents.read(collection, id_, timeout=PATIENCE)


@contextmanager
def operating(
    settings: BackendSettings, folder: Path, monkeypatch: pytest.MonkeyPatch, **config: Any
) -> Iterator[Operator]:
    """Start a stand-in, and describe the local stack in `folder`, which becomes the current one."""
    with StandIn(StandInConfig(heartbeat_seconds=0.1, **config)) as standin:
        write_endpoints(folder, settings, api_url=standin.api_url, key=standin.keys["admin"])
        monkeypatch.chdir(folder)
        yield Operator(standin, settings)
