"""`make plan|deploy|destroy` as a process, over a copy of its files and a made-up cloud."""

import json
import os
import pty
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.processes.functions import ROOT
from tests.support.made_up_cloud import calls, put_on_path
from tests.support.recorded_terraform import read_recorded

KEY = "vv_made_up_key_of_the_test"
BUCKET = "gs://test-project-videovector-state"
SETTINGS = {
    "PROJECT": "test-project",
    "REGION": "europe-west1",
    "YES": "1",
    "RETRY_SECONDS": "0",
}


@dataclass(frozen=True, slots=True)
class MadeUpDeployment:
    """The copy of the repository, the folder of the cloud, and a PATH with the fake commands."""

    repository: Path
    cloud: Path
    path: str
    key_file: Path

    def make(self, verb: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run it as make does, with settings in the environment, and without a terminal."""
        return subprocess.run(
            self._command(verb),
            **self._options(settings),
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def make_on_terminal(
        self, verb: str, typed: str, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run it on a terminal where a person types `typed`."""
        ours, theirs = pty.openpty()
        try:
            os.write(ours, f"{typed}\n".encode())
            return subprocess.run(
                self._command(verb),
                **self._options({**settings, "YES": ""}),
                capture_output=True,
                check=False,
                stdin=theirs,
            )
        finally:
            os.close(ours)
            os.close(theirs)

    def start(self, verb: str, **settings: str) -> subprocess.Popen[str]:
        """Start it in a process group of its own, as a shell does."""
        return subprocess.Popen(
            self._command(verb),
            **self._options(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def respond(self, name: str, *documents: Any) -> None:
        """Set what the fake commands print: `plan`, `state`, `outputs` or `functions`."""
        folder = self.cloud / "responses"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(documents))

    def refuse(self, words: str, times: int | None = None) -> None:
        """Make calls with these words fail."""
        (self.cloud / "refuse").write_text(words)
        if times is not None:
            (self.cloud / "refusals").write_text(str(times))

    def add_state(self, name: str, content: str) -> None:
        """Store the state of another deployment in the bucket."""
        file = self.cloud / "states" / name / "default.tfstate"
        file.parent.mkdir(parents=True)
        file.write_text(content)

    def command_lines(self, *words: str) -> list[str]:
        """Every call so far that has one of the words, as a command line."""
        lines = [" ".join((str(call["name"]), *call["arguments"])) for call in calls(self.cloud)]
        return [line for line in lines if not words or any(word in line for word in words)]

    def _command(self, verb: str) -> list[str]:
        return [sys.executable, "-m", "infra.deploy", verb]

    def _options(self, settings: dict[str, str]) -> dict[str, Any]:
        environment = {"HOME": os.environ["HOME"], "PYTHONPATH": str(self.repository)}
        defaults = {**SETTINGS, "API_KEY_FILE": str(self.key_file)}
        return {
            "cwd": self.repository,
            "env": {"PATH": self.path, **environment, **defaults, **settings},
            "text": True,
        }


def make_deployment(folder: Path) -> MadeUpDeployment:
    """Make one in an empty project, whose plan creates things and deletes nothing."""
    repository = folder / "repository"
    shutil.copytree(ROOT / "infra" / "deploy", repository / "infra" / "deploy")
    shutil.copy(ROOT / "infra" / "__init__.py", repository / "infra")
    shutil.copy(ROOT / "infra" / "topology.json", repository / "infra")
    cloud = folder / "cloud"
    cloud.mkdir()
    key_file = folder / "key"
    key_file.write_text(f"{KEY}\n", encoding="utf-8")
    made = MadeUpDeployment(repository, cloud, put_on_path(cloud), key_file)
    made.respond("plan", {"applyable": True})
    made.respond("outputs", read_recorded("outputs"))
    made.respond("functions", read_recorded("functions"))
    return made
