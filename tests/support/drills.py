"""Drills: something breaks on the local stack, the commands name it, and the runbook repairs it."""

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from infra.standin import Control
from tests.support import ROOT
from tests.support.commands import CommandResult, run_command
from tests.support.patience import PATIENCE_SECONDS, until
from videovector_bridge.backends import open_backend, open_collections
from videovector_bridge.backends.embedded.topics import MessageLog
from videovector_bridge.backends.ports import Message
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.settings.deployment import parse_deployment


class Drill:
    """The commands of an operator on a served stack whose scheduler does not run.

    `folder` is the current folder, with `build/endpoints.json`.
    """

    def __init__(self, folder: Path, endpoints: Mapping[str, Any]) -> None:
        self.folder = folder
        self.endpoints = endpoints
        self.control = Control(endpoints["control_url"])
        self._settings = parse_deployment(endpoints["deployment"], "here").backend
        self.backend = open_backend(self._settings)
        self._context = CommandContext(
            {
                "VIDEO_VECTOR_BASE_URL": endpoints["api_url"],
                "VIDEO_VECTOR_API_KEY": endpoints["api_keys"]["admin"],
            }
        )

    def run(self, *arguments: str, status: int = 0, stdin: str = "") -> CommandResult:
        """Run a command that ends with this exit status."""
        result = run_command(*arguments, stdin=stdin, context=self._context)
        assert result.status == status, (arguments, result.status, result.out, result.err)
        return result

    def local(self, command: str, *more: str, status: int = 0) -> CommandResult:
        """Run a command with `--local`; `more` are arguments with blanks."""
        return self.run(*command.split(), *more, "--local", status=status)

    def call(self, function: str, body: Mapping[str, Any] | None = None) -> Any:
        """Call a function as Cloud Scheduler does, and return its JSON."""
        response = httpx.post(
            self.endpoints["functions"][function],
            json=body or {},
            timeout=PATIENCE_SECONDS,
            trust_env=False,
        )
        return response.json()

    def drain(self) -> Any:
        """Call `drain`, and return its report."""
        return self.call("drain")

    def change_webhook(self, changes: Mapping[str, Any]) -> None:
        """Change the webhook at VideoVector, as another client can."""
        with self._context.open_client() as client:
            (webhook,) = client.list_webhooks()
            client.update(webhook.webhook_id, changes)

    def schedule(self, *functions: str) -> None:
        """Let the description say that the scheduler calls functions, every five minutes."""
        file = self.folder / "build" / "endpoints.json"
        endpoints = json.loads(file.read_text(encoding="utf-8"))
        endpoints["deployment"]["schedules"] = dict.fromkeys(functions, 300)
        file.write_text(json.dumps(endpoints), encoding="utf-8")

    def document(self, collection: str, name: str) -> Mapping[str, Any]:
        """Return the fields of a document, which must exist."""
        stored = self.backend.documents.read(collection, name, timeout=10)
        assert stored is not None
        return stored.fields

    def change_document(self, collection: str, name: str, **changes: Any) -> None:
        """Change a document, such as its times: an hour passes at once."""
        stored = self.backend.documents.read(collection, name, timeout=10)
        self.backend.documents.write(collection, name, changes, replaces=stored, timeout=10)

    def delete_document(self, collection: str, name: str) -> None:
        """Delete a document."""
        stored = self.backend.documents.read(collection, name, timeout=10)
        assert stored is not None
        collections = open_collections(self._settings)
        collections.delete(collection, name, replaces=stored, timeout=10)

    def publish(self, topic: str, message: Message) -> None:
        """Publish a message."""
        self.backend.topics.publish(topic, [message], timeout=10)

    def published(self) -> list[str]:
        """Return the ids of all events on topic `events`."""
        folder = Path(self.endpoints["embedded_dir"])
        stored = MessageLog(folder).read("events", limit=1_000_000)
        return [each.message.attributes["ce-id"] for each in stored]

    def open_work(self) -> list[str]:
        """Return the keys of the runs and videos that have not finished."""
        collections = open_collections(self._settings)
        return [name for name, _ in collections.list("open", limit=1_000, timeout=10)]

    def states(self, subject: str = "") -> dict[str, str]:
        """Return what `status` reports as not ok: the names with their states.

        Its exit status is 1 exactly if something needs a person.
        """
        arguments = ("status", "--local", "--automations", str(ROOT / "functions/automations.toml"))
        result = run_command(*arguments, "--json", context=self._context)
        lines = json.loads(result.out)["lines"]
        problems = [line for line in lines if line["severity"] == "problem"]
        assert result.status == (1 if problems else 0), lines
        for line in lines:
            assert line["severity"] not in ("problem", "warning") or line["command"], line
        return {
            f"{line['subject']} {line['name'] or ''}".strip(): line["state"]
            for line in lines
            if line["severity"] in ("problem", "warning") and subject in line["subject"]
        }

    def follow(self, subject: str) -> CommandResult:
        """Run the command that `status` names for what it reports about a subject."""
        result = run_command("status", "--local", "--json", context=self._context)
        (line,) = [
            line
            for line in json.loads(result.out)["lines"]
            if f"{line['subject']} {line['name'] or ''}".strip() == subject
        ]
        program, *arguments = shlex.split(line["command"])
        assert program == "videovector-bridge"
        return self.run(*arguments)

    def is_green(self) -> bool:
        """Whether `status` reports neither a problem nor a warning."""
        return not self.states()

    def wrong(self, *only: str) -> dict[str, str]:
        """Return the subjects that `doctor` calls wrong, by check, with the fixes."""
        names = [word for name in only for word in ("--only", name)]
        result = run_command("doctor", "--local", "--json", *names, context=self._context)
        findings = json.loads(result.out)["findings"]
        wrong = {each["check"]: each["fix"] for each in findings if each["state"] == "wrong"}
        assert result.status == (1 if wrong else 0), findings
        return wrong

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition."""
        assert until(condition)
