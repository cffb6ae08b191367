"""`pause` and `resume`: a stream, the webhook channel, and what is refused."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import run_command
from tests.support.operator import PATIENCE, Operator, operating
from tests.support.watched_ports import WatchedDocuments
from videovector_bridge.backends import BackendSettings
from videovector_bridge.backends.ports import Document
from videovector_bridge.cli.context import CommandContext
from videovector_bridge.cli.operate.audit import find_operator
from videovector_bridge.cli.operate.pausable import Pausable, change_pause, find_pausable
from videovector_bridge.cli.target import open_target
from videovector_bridge.errors import BackendError, ConflictError, SettingsError
from videovector_bridge.pause import Pause

PAUSE = Pause("2026-01-02T03:04:05+00:00", "made up", "ana@laptop")


@pytest.fixture
def operator(
    backend_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    """Commands over each backend in turn."""
    with operating(backend_settings, tmp_path, monkeypatch, webhook_retry_seconds=0.05) as started:
        yield started


@pytest.fixture
def embedded(
    embedded_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    """Commands over the embedded backend."""
    with operating(
        embedded_settings, tmp_path, monkeypatch, webhook_retry_seconds=0.05, webhook_attempts=2
    ) as started:
        yield started


def test_a_stream_is_paused_and_resumed(operator: Operator) -> None:
    """`drain` does nothing between the two; audit has who, what and why."""
    operator.standin.control.events({}, {})
    paused = operator.run("pause", "default", "--reason", "the CRM is down")
    window = operator.drain()
    resumed = operator.run("resume", "default")

    assert (paused.status, resumed.status) == (0, 0)
    assert "No window drains stream 'default'." in paused.err
    assert (window.outcome, window.events) == ("paused", 0)
    assert "the CRM is down" in window.message
    assert f"It was paused since {window.message.split('since ')[1].split(' by')[0]}" in resumed.err
    assert operator.drain().events == 2
    assert [(each["action"], each["subject"], each["by"]) for each in operator.audit()] == [
        ("pause", "default", find_operator()),
        ("resume", "default", find_operator()),
    ]
    assert {each["details"]["reason"] for each in operator.audit()} == {"the CRM is down"}
    assert [each["outcome"] for each in operator.audit()] == [{"changed": True}] * 2


def test_json_is_one_document(embedded: Operator) -> None:
    """For scripts."""
    paused = embedded.run("pause", "default", "--reason", "made up", "--json").json
    resumed = embedded.run("resume", "default", "--json").json

    assert paused["changed"] is resumed["changed"] is True
    assert (paused["subject"], paused["lease_seconds_left"]) == ("default", 0)
    assert resumed["was_paused"] == paused["paused"]
    assert paused["paused"]["reason"] == "made up"


def test_a_second_pause_keeps_the_first_reason(embedded: Operator) -> None:
    """And says who paused it; a second resume changes nothing either."""
    embedded.run("pause", "default", "--reason", "the first")
    again = embedded.run("pause", "default", "--reason", "the second")

    assert again.status == 0
    assert "is already paused" in again.err
    assert "the first" in again.err
    assert embedded.document()["paused"]["reason"] == "the first"
    assert [embedded.run("resume", "default").status for _ in range(2)] == [0, 0]
    assert "is not paused" in embedded.run("resume", "default").err
    assert len(embedded.audit()) == 2


def test_a_pause_waits_for_the_running_window(embedded: Operator) -> None:
    """A real window, which ends at its next write; the command returns after it."""
    embedded.standin.control.events({})
    reports: list[Any] = []
    window = threading.Thread(
        target=lambda: reports.append(
            embedded.drain(IDLE_SECONDS="600", WINDOW_SECONDS="600", LEASE_SECONDS="3")
        )
    )
    window.start()
    deadline = time.monotonic() + PATIENCE
    while not embedded.document().get("lease_owner"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    paused = embedded.run("pause", "default", "--reason", "made up", "--wait", "60")
    owner = embedded.document()["lease_owner"]
    window.join(PATIENCE)

    assert paused.status == 0
    assert "A window drains stream 'default'" in paused.err
    assert owner == ""
    assert (reports[0].stop_reason, reports[0].events) == ("paused", 1)


def test_a_window_that_does_not_end_in_time_is_status_3(embedded: Operator) -> None:
    """The stream is paused nevertheless; the same command waits again."""
    embedded.edit(lease_owner="somewhere", lease_seconds=600, fencing_token=1)
    paused = embedded.run("pause", "default", "--reason", "made up", "--wait", "0", "--json")

    assert paused.status == 3
    assert paused.json["lease_seconds_left"] > 500
    assert "Run the command again to wait longer." in paused.err
    assert embedded.document()["paused"]["reason"] == "made up"


def test_the_lease_of_a_dead_window_ends(embedded: Operator) -> None:
    """The command waits for that too."""
    embedded.edit(lease_owner="somewhere", lease_seconds=1, fencing_token=1)

    assert embedded.run("pause", "default", "--reason", "made up").status == 0


def test_wrong_options_are_named_together(embedded: Operator) -> None:
    """Status 2, with the streams of the deployment; nothing is done."""
    ran = embedded.run("pause", "defualt")

    assert ran.status == 2
    assert "--reason" in ran.err
    assert "no stream 'defualt' in the deployment, only default" in ran.err
    assert embedded.run("resume", "nothing").status == 2
    assert embedded.audit() == []


@pytest.mark.parametrize(
    ("argument", "collection"),
    [("stream:webhook", "streams"), ("channel:webhook", "channels")],
)
def test_a_stream_may_be_called_webhook(embedded: Operator, argument: str, collection: str) -> None:
    """Then the word alone is refused, and the sentence has both other forms."""
    target = open_target({}, project="", prefix="", local=True)
    object.__setattr__(target.deployment.streams[0], "name", "webhook")

    found_subject = find_pausable(argument, target.deployment)

    assert (found_subject.collection, found_subject.id) == (collection, "webhook")
    with pytest.raises(SettingsError, match="stream:webhook or channel:webhook"):
        find_pausable("webhook", target.deployment)


def test_a_paused_channel_warns_about_the_retries(embedded: Operator) -> None:
    """With what VideoVector's records show; `resume` names what failed."""
    ensure_webhook(embedded)
    paused = embedded.run("pause", "webhook", "--reason", "made up", "--json")
    embedded.standin.control.webhook_events(2)
    embedded.standin.control.settled_webhooks()
    again = embedded.run("pause", "webhook", "--reason", "made up")
    resumed = embedded.run("resume", "webhook", "--json")

    assert paused.status == 0
    assert "How often and how long is not documented" in paused.err
    assert paused.json["deliveries"]["failed"] == []
    assert "2 failed" in again.err
    assert "most attempts of one that was not delivered: 2" in again.err
    assert "videovector-bridge webhook deliveries --failed --retry" in again.err
    assert len(resumed.json["deliveries"]["failed"]) == 2
    for delivery_id in resumed.json["deliveries"]["failed"]:
        assert delivery_id in resumed.err
    assert embedded.document("channels", "webhook")["paused"] is None


def ensure_webhook(operator: Operator) -> None:
    """Create the bridge's webhook, whose address accepts no connection."""
    environ = {
        "VIDEO_VECTOR_BASE_URL": operator.standin.api_url,
        "VIDEO_VECTOR_API_KEY": operator.standin.keys["admin"],
    }
    ran = run_command(
        *("webhook", "ensure", "--url", "http://127.0.0.1:9/receive-webhook"),
        *("--events", "media.created", "--secret-file", "secrets"),
        context=CommandContext(environ=environ),
    )
    assert ran.status == 0, ran.err


def test_a_channel_without_a_webhook_can_be_paused(embedded: Operator) -> None:
    """Nothing is delivered then."""
    paused = embedded.run("pause", "webhook", "--reason", "made up")

    assert paused.status == 0
    assert "no webhook of the bridge" in paused.err


def test_a_channel_is_paused_without_videovector(embedded: Operator) -> None:
    """The records are only a help: without them the pause still works."""
    embedded.standin.stop()
    paused = embedded.run("pause", "webhook", "--reason", "made up")

    assert paused.status == 0
    assert "delivery records cannot be read" in paused.err
    assert embedded.document("channels", "webhook")["paused"]["reason"] == "made up"
    assert embedded.run("resume", "webhook").status == 0


class Interrupted(WatchedDocuments):
    """Documents that another writer changes before each of the first writes to `streams`."""

    def __init__(self, operator: Operator, times: int, **fields: Any) -> None:
        super().__init__(operator.backend.documents)
        self._operator = operator
        self._left = times
        self._fields = fields

    def write(self, collection: str, document_id: str, *arguments: Any, **named: Any) -> Document:
        """Let the other writer write first."""
        if collection == "streams" and self._left:
            self._left -= 1
            fields = self._fields or {"events": self._left}
            self._operator.edit(collection, document_id, **fields)
        return super().write(collection, document_id, *arguments, **named)


def change(operator: Operator, documents: WatchedDocuments, pause: Pause | None) -> Any:
    """Change the pause of the stream without waiting between attempts."""
    subject = Pausable("streams", "default", "default")
    return change_pause(documents, subject, pause, sleep=lambda _seconds: None)


def test_a_window_that_writes_at_the_same_time_does_not_win(operator: Operator) -> None:
    """The pause is written on top of it."""
    assert change(operator, Interrupted(operator, 3), PAUSE).changed
    assert operator.document()["paused"] == PAUSE.as_field()


def test_a_writer_that_always_wins_is_an_error(embedded: Operator) -> None:
    """Status 1, and a sentence."""
    with pytest.raises(BackendError, match="Run the command again"):
        change(embedded, Interrupted(embedded, 1_000), PAUSE)
    assert embedded.audit()[-1]["outcome"] is None


def test_another_operator_who_was_faster_wins(embedded: Operator) -> None:
    """Its reason stays."""
    other = Pause("", "theirs", "bob")
    outcome = change(embedded, Interrupted(embedded, 1, paused=other.as_field()), PAUSE)

    assert (outcome.changed, outcome.before) == (False, other)
    assert embedded.document()["paused"]["reason"] == "theirs"


def test_a_lost_response_is_no_failure(embedded: Operator) -> None:
    """The retry of the client meets its own write."""

    def retry(number: int) -> None:
        if number == 2:  # after the record in `audit`
            raise ConflictError("another writer was first")

    documents = WatchedDocuments(embedded.backend.documents, after=retry)

    assert change(embedded, documents, PAUSE).changed
