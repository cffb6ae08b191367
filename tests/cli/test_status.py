"""`status`: over a stand-in API and each backend, as a person at night calls it."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.cloud.storage import Client

from tests.support import ROOT
from tests.support.commands import CommandResult, run_command
from tests.support.google_rest import DENIED, serving_google
from tests.support.letters import LetterBox, dead_letter, event_copy, raw_rejection, rejection
from tests.support.local_deployment import describe, write_endpoints
from tests.support.operator import Operator, operating
from videovector_bridge.api.models import Webhook
from videovector_bridge.api.webhooks import open_webhooks
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.embedded.subscriptions import SqliteSubscriptions
from videovector_bridge.backends.gcp.rest import EMULATOR
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.watch.last_run import note_run

RECEIVER = "http://127.0.0.1:9/receive-webhook"
FAILED = event_copy("e1", run_id="r1")
AUTOMATIONS = str(ROOT / "functions" / "automations.toml")


@pytest.fixture
def box(backend_settings: BackendSettings, tmp_path: Path) -> LetterBox:
    """The subscriptions that keep messages, on each backend in turn."""
    return LetterBox(backend_settings, tmp_path)


@pytest.fixture
def operator(box: LetterBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    """Commands over the same backend."""
    with operating(box.settings, tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture
def embedded(
    embedded_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    """Commands over the embedded backend."""
    LetterBox(embedded_settings, tmp_path)
    with operating(embedded_settings, tmp_path, monkeypatch) as started:
        yield started


def status(operator: Operator, *arguments: str) -> CommandResult:
    """Run `status`."""
    return operator.run("status", "--automations", AUTOMATIONS, *arguments)


def lines_of(operator: Operator, *arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the lines by subject and name."""
    lines = status(operator, "--json", *arguments).json["lines"]
    return {(line["subject"], line["name"] or ""): line for line in lines}


def add_webhook(operator: Operator, url: str = RECEIVER, **changes: Any) -> Webhook:
    """Create the bridge's webhook at the stand-in."""
    with open_webhooks(
        operator.standin.api_url,
        lambda: operator.standin.keys["admin"],
        timeout_seconds=10,
        user_agent="test",
    ) as client:
        created, _ = client.create(
            name="videovector-bridge:default",
            url=url,
            events=["media.created"],
            metadata={"managed_by": "videovector-bridge", "name": "default"},
        )
        return client.update(created.webhook_id, changes) if changes else created


def note_checks(operator: Operator) -> None:
    """Let `reconcile` and `canary` have run just now."""
    now = datetime.now(UTC).isoformat()
    for name in ("reconcile", "canary"):
        note_run(operator.backend.documents, name, {"at": now}, timeout=10)


def test_a_deployment_that_is_well_exits_0(operator: Operator) -> None:
    """Every source was read, on both backends."""
    operator.standin.control.events({}, {})
    operator.drain()
    note_checks(operator)
    add_webhook(operator)

    ran = status(operator)

    assert ran.status == 0, ran.out
    headline, first = ran.out.splitlines()[:2]
    assert re.fullmatch(r"the local stack at \S+: 0 problems, .*ok", headline)
    assert re.match(r"ok +stream default +cursor \S+; last window \d+ s ago: drained", first)
    assert "unreadable" not in ran.out


def test_json_is_one_document_with_documented_keys(operator: Operator) -> None:
    """Scripts read it."""
    operator.standin.control.events({}, {})
    operator.drain()

    report = status(operator, "--json").json

    assert report.keys() == {"target", "at", "problems", "lines"}
    for line in report["lines"]:
        assert line.keys() == {
            *("severity", "subject", "name", "state", "text", "section", "command", "facts")
        }
    stream = next(line for line in report["lines"] if line["subject"] == "stream")
    assert stream["facts"]["last_window"]["events"] == 2
    assert stream["facts"]["last_window"]["lag_seconds"] is not None


def test_a_stream_that_never_ran_is_a_problem(embedded: Operator) -> None:
    """The command that helps is under the line."""
    ran = status(embedded)

    assert ran.status == 1
    problem, help_ = ran.out.splitlines()[1:3]
    assert problem.startswith("problem stream default")
    assert help_.strip() == '-> make serve  ("A stream is not drained" in docs/operating.md)'


def test_messages_for_people_are_counted_and_stay(operator: Operator, box: LetterBox) -> None:
    """By code and by function; a command that runs next gets all of them."""
    box.put("rejected", rejection(FAILED), rejection(FAILED, automation="b"), raw_rejection())
    box.put("dead-letters", dead_letter(FAILED))

    lines = lines_of(operator)

    assert lines["rejected", "validation_refused"]["text"] == "2 messages"
    assert lines["rejected", "bad_json"]["text"] == "1 message"
    assert lines["dead-letters", "upsert-markers"]["severity"] == "problem"
    assert len(box.left("rejected")) == 3
    assert len(box.left("dead-letters")) == 1


def test_the_age_of_messages_that_a_filter_drops_is_not_shown(embedded: Operator) -> None:
    """The local stack ignores filters, so they are counted, and would wait forever."""
    local = SqliteSubscriptions(Path(embedded.settings.embedded_dir))
    local.create("canary", "events", timeout=20)
    embedded.backend.topics.publish("events", [FAILED], timeout=20)

    line = lines_of(embedded)["subscription", "canary"]

    assert (line["facts"]["messages"], line["facts"]["oldest_seconds"]) == (1, None)
    assert line["state"] == "ok"


def test_a_refused_key_is_named_by_the_stream(embedded: Operator) -> None:
    """And by VideoVector's answer about webhooks, if the operator's key is refused too."""
    embedded.standin.control.faults(
        {"on": "GET /processing/events/stream", "kind": "status", "status": 401}
    )
    embedded.drain()

    line = lines_of(embedded)["stream", "default"]

    assert line["state"] == "key_refused"
    assert line["command"] == "videovector-bridge doctor --only key --local"


def test_pauses_are_shown_and_are_no_problem(operator: Operator) -> None:
    """With who and why."""
    operator.standin.control.events({})
    operator.drain()
    operator.run("pause", "default", "--reason", "the CRM is down")
    operator.run("pause", "webhook", "--reason", "the CRM is down too")

    lines = lines_of(operator)

    assert lines["stream", "default"]["state"] == "paused"
    assert "the CRM is down; cursor" in lines["stream", "default"]["text"]
    assert lines["channel", "webhook"]["command"] == "videovector-bridge resume webhook --local"
    assert status(operator).status == 0


@pytest.mark.parametrize(
    ("url", "changes", "state"),
    [
        (RECEIVER, {}, "ok"),
        (RECEIVER, {"status": "paused"}, "webhook_disabled"),
        ("http://127.0.0.1:9/elsewhere", {}, "webhook_elsewhere"),
    ],
)
def test_the_webhook_at_videovector(
    embedded: Operator, url: str, changes: dict[str, Any], state: str
) -> None:
    """Its state and its URL."""
    add_webhook(embedded, url, **changes)

    assert lines_of(embedded)["webhook", "default"]["state"] == state


def test_deliveries_that_failed_are_counted(
    embedded_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens at the receiver's address."""
    LetterBox(embedded_settings, tmp_path)
    with operating(
        embedded_settings, tmp_path, monkeypatch, webhook_retry_seconds=0.05, webhook_attempts=2
    ) as operator:
        add_webhook(operator)
        operator.standin.control.webhook_events(3)
        operator.standin.control.settled_webhooks()

        line = lines_of(operator)["webhook", "default"]

    assert line["state"] == "deliveries_failed"
    assert line["facts"]["failed_deliveries"] == 3
    assert line["command"] == "videovector-bridge webhook deliveries --failed --retry --limit 1000"


def test_a_source_that_is_away_is_a_line_and_the_others_are_there(
    embedded_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither VideoVector nor the subscriptions exist."""
    write_endpoints(tmp_path, embedded_settings, key="sk_any")  # pragma: allowlist secret
    monkeypatch.chdir(tmp_path)

    ran = run_command("status", "--local", "--automations", AUTOMATIONS, "--json")

    assert ran.status == 1
    unreadable = {
        line["subject"]: line["text"] for line in ran.json["lines"] if line["state"] == "unreadable"
    }
    assert "VideoVector did not answer" in unreadable["webhook"]
    assert "There is no subscription rejected" in unreadable["rejected"]
    assert "There is no subscription dead-letters" in unreadable["dead-letters"]
    assert [line for line in ran.json["lines"] if line["subject"] == "automations"]


def test_every_wrong_option_is_named_at_once() -> None:
    """Nothing is read."""
    ran = run_command("status", "--watch", "--every", "0", "--json")

    assert ran.status == 2
    assert "--every must be 1 second or more, not 0" in ran.err
    assert "--watch and --json exclude each other" in ran.err
    assert "name one of --project" in ran.err


def test_mistakes_in_the_automations_are_a_problem(embedded: Operator, tmp_path: Path) -> None:
    """The first one is quoted."""
    file = tmp_path / "wrong.toml"
    file.write_text('[[automation]]\nname = "x"\n', encoding="utf-8")
    ran = embedded.run("status", "--automations", str(file), "--json")
    line = next(line for line in ran.json["lines"] if line["subject"] == "automations")

    assert line["state"] == "mistakes"
    assert line["command"] == f"videovector-bridge automations check {file}"


def test_watch_prints_a_block_for_each_refresh_and_ends_with_ctrl_c(embedded: Operator) -> None:
    """Without a terminal. The status is 0, whatever it showed."""
    command = [sys.executable, "-m", "videovector_bridge.cli", "status", "--local", "--watch"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "functions"), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*command, "--every", "1"], stdout=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout is not None
        headlines = 0
        for line in process.stdout:
            headlines += line.startswith("the local stack at ")
            if headlines == 2:
                break
        process.send_signal(signal.SIGINT)
        process.stdout.read()

    assert process.returncode == 0
    assert embedded


@pytest.mark.emulator
def test_a_project_has_its_backlogs_from_monitoring(
    gcp_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With emulators for what has one, and recorded answers of Cloud Monitoring."""
    LetterBox(gcp_settings, tmp_path)
    project = gcp_settings.project
    bucket = Client(project=project).create_bucket(f"{project}-videovector-source")
    bucket.blob("deployment.json").upload_from_string(json.dumps(describe(gcp_settings)))
    path = f"GET monitoring.googleapis.com/v3/projects/{project}/timeSeries"
    series = {
        "resource": {"labels": {"subscription_id": "upsert-markers"}},
        "points": [{"value": {"int64Value": "3600"}}],
    }
    environ = CommandContext({"VIDEO_VECTOR_API_KEY": "sk_any"})  # pragma: allowlist secret
    arguments = ("status", "--project", project, "--automations", AUTOMATIONS, "--json")
    with serving_google() as apis:
        monkeypatch.setenv(EMULATOR, apis.address)
        apis.responses[path] = (200, {"timeSeries": [series]})
        known = run_command(*arguments, context=environ).json["lines"]
        apis.responses[path] = DENIED
        denied = run_command(*arguments, context=environ).json["lines"]

    waiting = next(line for line in known if line["name"] == "upsert-markers")
    assert (waiting["state"], waiting["severity"]) == ("waiting", "problem")
    assert waiting["command"] == f"videovector-bridge doctor --project {project}"
    unread = next(line for line in denied if line["subject"] == "subscriptions")
    assert "roles/monitoring.viewer" in unread["text"]


def test_watch_refreshes_in_place_on_a_terminal(embedded: Operator) -> None:
    """It moves the cursor up and writes again; Ctrl-C ends it with status 0."""
    command = [sys.executable, "-m", "videovector_bridge.cli", "status", "--local", "--watch"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "functions"), "TERM": "xterm"}
    ours, theirs = pty.openpty()
    with subprocess.Popen([*command, "--every", "1"], stdout=theirs, env=environ) as process:
        os.close(theirs)
        shown = b""
        while shown.count(b"the local stack at ") < 3:
            shown += os.read(ours, 65_536)
        process.send_signal(signal.SIGINT)
        try:
            while os.read(ours, 65_536):
                pass
        except OSError:  # the end, on Linux
            pass
    os.close(ours)

    assert process.returncode == 0
    assert b"\x1b[1A" in shown
    assert embedded
