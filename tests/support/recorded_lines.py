"""The log lines of every outcome, recorded by running the functions in their host."""

import io
import json
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, get_args

from tests.support.contexts import with_api
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event
from tests.support.hosting import host
from tests.support.outcomes_in_code import find_stop_reasons
from tests.support.watched_ports import FailingReads
from tests.support.webhooks import SECRET, Deployment, delivery, set_channel_pause, signature
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.subscriber import entry_points
from videovector_bridge.automate.wiring import Instance
from videovector_bridge.backends import Backend, BackendSettings, open_backend
from videovector_bridge.backends.per_process import PerProcess
from videovector_bridge.backends.refreshed_secret import RefreshedSecret
from videovector_bridge.byte_budget import ByteBudget
from videovector_bridge.errors import (
    BackendError,
    Owner,
    PermanentError,
    SettingsError,
    TransientError,
)
from videovector_bridge.events import REDRIVE_TO
from videovector_bridge.ingest.body import BodyReader, UnreadableBody
from videovector_bridge.ingest.channel_pause import EVERY_SECONDS, ChannelPause
from videovector_bridge.ingest.drain import Endpoint, entry_point
from videovector_bridge.ingest.outcome import (
    Stop,
    WindowReport,
    backing_off_report,
    busy_report,
    classify_stop,
    paused_report,
)
from videovector_bridge.ingest.webhook import report_stale
from videovector_bridge.pause import Pause
from videovector_bridge.settings.drain import DrainSettings
from videovector_bridge.settings.streams import StreamSettings
from videovector_bridge.telemetry import capture_library_records
from videovector_bridge.watch.canary.checks import CanaryFailed
from videovector_bridge.watch.canary.endpoint import Endpoint as CanaryEndpoint
from videovector_bridge.watch.canary.endpoint import entry_point as canary_entry_point
from videovector_bridge.watch.canary.endpoint import open_checks
from videovector_bridge.watch.canary.report import ChannelReport, State
from videovector_bridge.webhook_secrets import CurrentSecrets, WebhookSecrets

Line = dict[str, Any]
NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
PAUSE = Pause(NOW.isoformat(), "made up", "a person")


@contextmanager
def recording() -> Iterator[list[Line]]:
    """Record the lines that are written to standard output in the block."""
    lines: list[Line] = []
    with redirect_stdout(io.StringIO()) as output:
        yield lines
    lines += [json.loads(line) for line in output.getvalue().splitlines()]


def window_line(report: WindowReport, folder: Path) -> Line:
    """Return the line of `drain` about a window that ended with a report."""

    async def end(*_: object) -> WindowReport:
        return report

    with recording() as lines:
        _drain(folder, end).test_client().post("/", json={"stream": report.stream})
    (line,) = lines
    return line


def report_of(reason: str, *, events: int, stream: str = "default") -> WindowReport:
    """Return the report of a window that a reason ended, after so many events."""
    if reason == "busy":
        return busy_report(stream, 30)
    if reason == "backing_off":
        return backing_off_report(stream, NOW)
    if reason == "paused" and not events:
        return paused_report(stream, PAUSE)
    stop = Stop(reason, message="Made up.")
    lag = 5.0 if events else None
    return WindowReport(
        stream, classify_stop(stop, events), reason, stop.text, events=events, lag_seconds=lag
    )


def record_windows(folder: Path) -> list[Line]:
    """Every stop reason, with and without events; and requests that opened no window."""
    lines = [
        window_line(report_of(reason, events=events), folder)
        for reason in sorted(find_stop_reasons())
        for events in (0, 3)
    ]

    async def crash(*_: object) -> WindowReport:
        raise ZeroDivisionError("made up")

    with recording() as others:
        _drain(folder, crash).test_client().post("/")
        _drain(folder, crash).test_client().post("/", data=b"{")
        _drain(folder, crash, LANES="0").test_client().post("/")
    return lines + others


def _drain(
    folder: Path, window: Callable[..., Coroutine[Any, Any, WindowReport]], **variables: str
) -> Any:
    environ = {
        "VIDEO_VECTOR_BASE_URL": "https://api.example/api/v2",
        "VIDEO_VECTOR_API_KEY": "made-up-key",  # pragma: allowlist secret
        "BACKEND": "embedded",
        "EMBEDDED_DIR": str(folder),
        "STREAMS": '{"default": {}}',
    }

    def open_window(settings: DrainSettings, stream: StreamSettings, backend: Backend) -> Any:
        return window(settings, stream, backend)

    return host(entry_point(Endpoint(environ | variables, drain_window=open_window)))


class _Unreadable(BodyReader):
    """Reads no body."""

    def __init__(self, *, slow: bool) -> None:
        super().__init__()
        self._slow = slow

    def read(self, *_: object) -> UnreadableBody:
        return UnreadableBody("made up", slow=self._slow)


def record_deliveries(settings: BackendSettings, folder: Path) -> list[Line]:
    """Every outcome of the receiver, and every code of a refusal."""
    secrets = folder / "secrets"
    secrets.write_text("", encoding="utf-8")
    body = delivery()

    def fail(error: Exception) -> Callable[..., NoReturn]:
        def hook(*_: object) -> NoReturn:
            raise error

        return hook

    with recording() as lines:
        receiver = Deployment(settings, WEBHOOK_IDS="wh_1", MAX_WEBHOOK_BYTES="2000")
        receiver.post(body)
        receiver.post(b"junk")
        receiver.post(body, X_Webhook_Signature=None)
        receiver.post(body, X_Webhook_Signature="sha256=00")
        receiver.post(body, X_Webhook_Signature=signature(body, "other"))
        receiver.post(body, X_Webhook_ID="wh_2")
        receiver.post(body, X_Webhook_ID="two words")
        receiver.post(b"x" * 2001)
        client = receiver.app.test_client()
        client.get("/")
        for length in ("", "ten"):
            client.post("/", environ_overrides={"CONTENT_LENGTH": length})
        receiver.set(LANES="0")
        receiver.post(body)
        receiver.set(LANES="4")
        for changes in (
            {"bodies": _Unreadable(slow=True)},
            {"bodies": _Unreadable(slow=False)},
            {"budget": ByteBudget(1)},
        ):
            changed = Deployment(settings)
            changed.change(**changes)
            changed.post(body)
        unreadable = RefreshedSecret(fail(BackendError("made up")), report=print)
        changed = Deployment(settings)
        changed.change(secrets=CurrentSecrets(unreadable, "made up"))
        changed.post(body)
        _record_pauses(settings, body)
        report_stale("projects/made-up/secrets/made-up", "made up")
        receiver.watch(before=fail(BackendError("made up")))
        receiver.post(body)
        receiver.watch(before=fail(ZeroDivisionError("made up")))
        receiver.post(body)
        receiver.set(WEBHOOK_SECRETS="", WEBHOOK_SECRETS_FILE=str(secrets))
        receiver.post(body)
        announced = WebhookSecrets.parse("old-word").announce(NOW, 30)
        secrets.write_text(announced.render(), encoding="utf-8")
        receiver.change(now=lambda: NOW + timedelta(seconds=1))
        receiver.post(body)
    assert SECRET not in str(lines)
    return lines


def _record_pauses(settings: BackendSettings, body: bytes) -> None:
    """A delivery to a paused channel, and the beginning and end of unreadable state."""
    documents = open_backend(settings).documents
    stored = set_channel_pause(documents, PAUSE.as_field())
    Deployment(settings).post(body)
    set_channel_pause(documents, None, replaces=stored)
    reads = FailingReads(documents, BackendError("made up"))
    pause = ChannelPause(reads, clock=count(step=EVERY_SECONDS).__next__)
    pause.get()
    reads.error = None
    pause.get()


def record_effects(deploy: Callable[[str], DeployedFunction]) -> list[Line]:
    """Every outcome of a subscriber, and a rejection that each owner can correct."""
    red = """
    [[automation]]
    name = "red"
    on = ["prompt_run.failed"]
    [automation.upsert_marker]
    target_type = "run"
    target_id = "{event.run_id}"
    color = "red"
    """
    with recording() as lines:
        markers = deploy("upsert_markers")
        markers.automations(red)
        markers.push(event())
        markers.push(event())
        markers.post(b"no event", {})
        for number, owner in enumerate(get_args(Owner)):
            with markers.changed(with_api(upsert_marker=_refuse(owner))):
                markers.push(event(f"evt_{number}", run_id=f"run_{number}"))
        for error in (SettingsError(["made up"]), TransientError("made up"), KeyError("made up")):
            for action in ACTIONS.values():
                _serve(action.entry_point, error)
        for action in ACTIONS.values():
            _serve(action.entry_point, KeyError("not opened"), {REDRIVE_TO: "another"})
    return lines


def _refuse(owner: Owner) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise PermanentError("made up", owner=owner, code=f"made_up_by_{owner}")

    return refuse


def _serve(target: str, error: Exception, headers: Mapping[str, str] | None = None) -> None:
    """Let a function meet an error when it opens its instance."""

    def open_instance() -> Instance:
        raise error

    handler = entry_points(PerProcess(open_instance))[target]
    host(handler).test_client().post("/", data=b"{}", headers=dict(headers or {}))


def record_canary(folder: Path) -> list[Line]:
    """Every state of a channel, and every way in which the canary itself fails."""
    environ = {
        "VIDEO_VECTOR_BASE_URL": "https://api.example/api/v2",
        "VIDEO_VECTOR_API_KEY": "made-up-key",  # pragma: allowlist secret
        "BACKEND": "embedded",
        "EMBEDDED_DIR": str(folder),
    }
    reports = [
        ChannelReport(f"stream:{state}", state, "made_up", "Made up.") for state in get_args(State)
    ]

    def post(check: Callable[..., Any], **variables: str) -> None:
        def open_(variables: Mapping[str, str]) -> Any:
            checks = open_checks(variables)
            return SimpleNamespace(
                run=check, now=lambda: NOW, settings=checks.settings, backend=checks.backend
            )

        canary = host(canary_entry_point(CanaryEndpoint(environ | variables, open_=open_)))
        canary.test_client().post("/")

    def fail(error: Exception) -> Callable[[], NoReturn]:
        def check() -> NoReturn:
            raise error

        return check

    with recording() as lines:
        post(lambda: reports)
        post(lambda: reports, LANES="0")
        post(fail(CanaryFailed("made_up", "Made up.")))
        post(fail(ZeroDivisionError("made up")))
    return lines


def record_library() -> list[Line]:
    """A record of a library, of any severity."""
    with recording() as lines:
        capture_library_records()
        logging.getLogger("made.up").warning("careful")
        logging.getLogger("made.up").critical("it crashed")
    return lines


def labels_of(line: Mapping[str, Any], *names: str) -> dict[str, str]:
    """Return fields of a line as Cloud Logging extracts them into labels."""
    return {name: str(line.get(name, "")) for name in names}
