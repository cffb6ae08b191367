"""The runbooks of docs/operating.md, drilled: break, see it named, repair, see green."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.drills import Drill
from tests.support.launcher import Launcher
from videovector_bridge.backends.ports import Message

STREAM, CHANNEL, WEBHOOK = "stream default", "channel webhook", "webhook default"
STREAM_PATH = "GET /processing/events/stream"
MARKERS = "PUT /markers"


@pytest.fixture
def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drill]:
    """A served embedded stack without a scheduler, drained once: everything is green."""
    environment = {"BACKEND": "embedded", "SCHEDULE_SECONDS": "0", "RECONCILE_AFTER_SECONDS": "0"}
    environment |= {"RECONCILE_GRACE_SECONDS": "0", "IDLE_SECONDS": "1"}
    with Launcher(tmp_path / "build", "serve", environment=environment) as launcher:
        running = Drill(tmp_path, launcher.endpoints())
        monkeypatch.chdir(tmp_path)
        assert running.drain()["outcome"] == "drained"
        assert running.is_green(), running.states()
        yield running
        running.control.close()


def fault(drill: Drill, on: str, status: int) -> None:
    """Let an endpoint respond with an error until the faults are cleared."""
    drill.control.faults({"on": on, "kind": "status", "status": status, "times": None})


def test_the_stream(drill: Drill) -> None:
    """A refused key, an outage, a cursor that is too old, a forgotten pause."""
    for status, state, check in ((401, "key_refused", "key"), (503, "window_failed", "")):
        fault(drill, "*", status)
        assert drill.drain()["outcome"] == "failed"
        assert drill.states()[STREAM] == state
        if check:
            assert drill.wrong(check).keys() == {check}
        drill.control.clear_faults()  # a valid key is stored; the outage ends
        drill.drain()
        assert drill.wrong(*filter(None, [check])) == {}
        assert drill.is_green(), drill.states()

    drill.local("pause default --reason", "an experiment")
    assert drill.drain()["outcome"] == "paused"
    assert drill.states() == {STREAM: "paused"}
    drill.local("resume default")
    assert drill.drain()["outcome"] in ("drained", "idle")
    assert drill.is_green()

    drill.control.events({"event_type": "processing.run_started", "run_id": "r1"})
    drill.control.expire()
    drill.control.events({"event_type": "processing.run_started", "run_id": "r2"})
    assert drill.drain()["stop_reason"] == "cursor_refused"
    assert drill.states()[STREAM] == "cursor_refused"
    drill.local("pause default --reason", "the cursor is refused")
    drill.local("rewind default --to earliest --yes")
    drill.local("resume default")
    assert drill.drain()["outcome"] == "drained"
    assert drill.is_green(), drill.states()


def now() -> str:
    """Return the time, as documents have it."""
    return datetime.now(UTC).isoformat()


def an_hour_ago() -> str:
    """Return the time an hour ago."""
    return (datetime.now(UTC) - timedelta(hours=1)).isoformat()


def test_a_stream_that_stands_still(drill: Drill) -> None:
    """No window, a silent one, an outage that lasts, late events, a document that is gone.

    The times in its document are set back: an hour passes at once. Each time, a window ends it.
    """
    window = drill.document("streams", "default")["last_window"]
    for state, changes in (
        ("not_drained", {"last_window": {**window, "ended_at": an_hour_ago()}}),
        ("silent", {"alive_at": an_hour_ago()}),
        ("late", {"last_window": {**window, "ended_at": now(), "lag_seconds": 3_600.0}}),
    ):
        drill.change_document("streams", "default", **changes)
        assert drill.states() == {STREAM: state}
        drill.control.events({"event_type": "media.created"})
        drill.drain()
        assert drill.is_green(), drill.states()

    fault(drill, STREAM_PATH, 503)
    assert drill.drain()["outcome"] == "failed"
    drill.change_document("streams", "default", alive_at=an_hour_ago())
    assert drill.states() == {STREAM: "failing"}
    drill.control.clear_faults()
    drill.drain()
    assert drill.is_green(), drill.states()

    drill.delete_document("streams", "default")
    assert drill.states() == {STREAM: "never_drained"}
    drill.drain()
    assert drill.is_green(), drill.states()


def test_the_checks(drill: Drill) -> None:
    """`reconcile` and `canary` are not called, or do not ask about open work. A run ends it."""
    drill.schedule("reconcile", "canary")
    assert drill.states() == {"check reconcile": "never_ran", "check canary": "never_ran"}
    for function in ("reconcile", "canary"):
        drill.call(function)
    assert drill.is_green(), drill.states()

    for function in ("reconcile", "canary"):
        drill.change_document("checks", function, at=an_hour_ago())
    assert drill.states() == {"check reconcile": "not_running", "check canary": "not_running"}
    for function in ("reconcile", "canary"):
        drill.call(function)
    assert drill.is_green(), drill.states()

    work = {"kind": "run", "run_id": "r1", "started_at": an_hour_ago(), "video_ids": ["vid_1"]}
    drill.change_document("open", "run:r1", **work)
    drill.change_document("checks", "reconcile", asked_all_at=an_hour_ago())
    assert drill.states() == {"check reconcile": "unchecked"}
    drill.call("reconcile")
    assert drill.is_green(), drill.states()


def test_the_webhook(drill: Drill) -> None:
    """A forgotten pause, a webhook that VideoVector disabled, another receiver's address."""
    drill.local("pause webhook --reason", "an experiment")
    assert drill.states() == {CHANNEL: "channel_paused"}
    drill.follow(CHANNEL)
    assert drill.is_green(), drill.states()

    for changes, state in (
        ({"status": "paused"}, "webhook_disabled"),
        ({"url": "https://elsewhere.test/"}, "webhook_elsewhere"),
    ):
        drill.change_webhook(changes)
        assert drill.states() == {WEBHOOK: state}
        assert drill.wrong("webhook").keys() == {"webhook"}
        drill.follow(WEBHOOK)
        assert drill.wrong("webhook") == {}
        assert drill.is_green(), drill.states()


def test_a_dead_channel(drill: Drill) -> None:
    """The receiver has another secret than the webhook: the canary says so, deliveries fail.

    A rotation ends it; then what VideoVector gave up is sent again.
    """
    secrets = Path(drill.endpoints["webhook_secrets_file"])
    secrets.write_text(secrets.read_text().replace("whsec_", "whsec_x"))
    drill.control.webhook_events()

    def webhook() -> tuple[str, str]:
        channels = drill.call("canary")["channels"]
        (report,) = [each for each in channels if each["channel"].startswith("webhook")]
        return report["state"], report["reason"]

    drill.wait(lambda: webhook() == ("dead", "wrong_secret"))
    assert drill.states("channel") == {"channel webhook:default": "channel_dead"}
    drill.wait(lambda: drill.states("webhook") == {WEBHOOK: "webhook_disabled"})
    drill.run("webhook", "rotate", "--secret-file", str(secrets))
    drill.follow(WEBHOOK)
    drill.wait(lambda: webhook()[0] == "alive")
    assert drill.states() == {WEBHOOK: "deliveries_failed"}
    drill.follow(WEBHOOK)


def test_an_end_that_never_comes(drill: Drill) -> None:
    """A run ends, and VideoVector sends no event: `reconcile` publishes it."""
    (run_id,) = drill.control.runs(videos_per_run=1, lose=["run", "video"])["run_ids"]
    drill.drain()
    assert f"run:{run_id}" not in drill.open_work()

    drill.call("reconcile")
    assert f"run:{run_id}" in drill.open_work()
    for _ in range(3):
        drill.drain()
        drill.call("reconcile")

    assert f"run:{run_id}" not in drill.open_work()
    assert any(each.startswith("bridge.reconciled:") for each in drill.published())
    assert drill.is_green(), drill.states()


def test_automations(drill: Drill) -> None:
    """A mistake in the file is named with the command that explains it."""
    file = drill.folder / "automations.toml"
    file.write_text('[[automation]]\nname = "x"\non = ["nothing.*"]\n')

    result = drill.local(f"status --automations {file}", status=1)

    assert f"videovector-bridge automations check {file}" in result.out
    drill.run("automations", "check", str(file), status=1)


def test_messages(drill: Drill) -> None:
    """A refused marker, a dead letter, an end that never came."""
    fault(drill, MARKERS, 422)
    failed = {"event_type": "processing.run_failed", "run_id": "r1"}
    drill.control.events(failed)
    drill.drain()
    drill.wait(lambda: drill.states("rejected") == {"rejected validation_refused": "rejected"})
    listed = drill.local("rejected list --json").json
    drill.control.clear_faults()
    drill.local("rejected redrive --code validation_refused")
    drill.wait(lambda: "r1" in str(drill.control.journal(ids=False)["markers"]))
    assert drill.is_green(), (listed, drill.states())

    attributes = {"ce-id": "e9", "ce-source": "//a/b", "ce-specversion": "1.0"}
    attributes |= {"ce-type": "com.vectormethods.processing.run_failed", "ce-runid": "r9"}
    source = {"CloudPubSubDeadLetterSourceSubscription": "upsert-markers"}
    data = b'{"event_id":"e9","run_id":"r9","created_at":"2026-11-27T00:00:00Z","payload":{}}'
    drill.publish("dead-letters", Message(data, attributes | source))
    assert set(drill.states().values()) == {"dead_letters"}
    drill.local("dead-letters redrive --all")
    drill.wait(lambda: "r9" in str(drill.control.journal(ids=False)["markers"]))
    assert drill.is_green(), drill.states()
