"""Model-based: whole windows in a row, while settings, VideoVector and a person change.

The model has a few fields: the stream's cursor or start, and who chose it. For each window it gives
the expected requests, messages and document.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from hypothesis import settings as run_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.support.upstream import (
    ACCEPTED,
    NO_CONTENT,
    Response,
    Upstream,
    error_response,
    event_stream,
)
from tests.support.vendor_events import event, sse
from tests.support.watched_ports import WatchedDocuments, WatchedTopics, watched
from tests.support.windows import NOW, document, make_settings, run_window
from videovector_bridge.backends import BackendSettings, open_backend
from videovector_bridge.ingest.outcome import WindowReport

WAIT_SECONDS = 900


def _id(number: int) -> str:
    return f"evt-{number:04d}"


class Api(Upstream):
    """VideoVector with its events `oldest` to `newest`; older ones have expired."""

    def __init__(self) -> None:
        super().__init__()
        self.oldest = self.newest = 1
        self.busy = False

    def after(self, last_event_id: str | None) -> list[int] | None:
        """Return the numbers of the events after an id; None if it is refused."""
        if last_event_id is None:
            return []
        if last_event_id == "0":
            return list(range(self.oldest, self.newest + 1))
        number = int(last_event_id.removeprefix("evt-"))
        if not self.oldest <= number <= self.newest:
            return None
        return list(range(number + 1, self.newest + 1))

    def respond(self, request: httpx.Request) -> Response:
        """Return the response for the state of the API."""
        last = request.headers.get("Last-Event-ID")
        if self.busy:
            return error_response(429, "slow down", Retry_After=str(WAIT_SECONDS))
        numbers = self.after(last)
        if numbers is None:
            return error_response(410, "the event id has expired")
        if last is None:
            return (
                ACCEPTED
                if len(self.requests) == 1 or self.last_event_ids[-2] is not None
                else NO_CONTENT
            )
        if not numbers:
            return NO_CONTENT
        return event_stream([sse(event(number), _id(number)) for number in numbers])


class WindowsMachine(RuleBasedStateMachine):
    """One window after another."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        folder = str(Path(self._folder.name) / "e")
        self.backend = open_backend(BackendSettings("embedded", "", folder, ""))
        self.api = Api()
        self.seconds = 0.0
        self.setting = "latest"
        self.policy = "fail"
        self.host = "api.example.test"
        # The model.
        self.cursor: str | None = None
        self.chosen: str | None = None
        self.belongs = ""
        self.not_before: float | None = None
        self.begun = False

    def teardown(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()

    @rule(setting=st.sampled_from(["latest", "earliest", _id(1), _id(3)]))
    def set_start_from(self, *, setting: str) -> None:
        """An operator sets START_FROM."""
        self.setting = setting

    @rule(policy=st.sampled_from(["fail", "latest", "earliest"]))
    def set_policy(self, *, policy: str) -> None:
        """An operator sets CURSOR_POLICY."""
        self.policy = policy

    @rule(host=st.sampled_from(["api.example.test", "other.example.test"]))
    def set_host(self, *, host: str) -> None:
        """An operator moves the bridge to another API."""
        self.host = host

    @rule(count=st.integers(1, 3))
    def emit(self, *, count: int) -> None:
        """VideoVector emits events."""
        self.api.newest += count

    @rule(count=st.integers(1, 4))
    def forget(self, *, count: int) -> None:
        """VideoVector forgets events."""
        self.api.oldest = min(self.api.oldest + count, self.api.newest)

    @rule(seconds=st.sampled_from([60.0, 600.0, 1_000.0]))
    def pass_time(self, *, seconds: float) -> None:
        """Time passes."""
        self.seconds += seconds

    @precondition(lambda self: self.begun)
    @rule(number=st.none() | st.integers(1, 6))
    def person_sets_the_cursor(self, *, number: int | None) -> None:
        """A person sets the cursor between two windows."""
        self.cursor = None if number is None else _id(number)
        self._edit(cursor=self.cursor)

    @precondition(lambda self: self.begun)
    @rule(number=st.integers(1, 6))
    def person_chooses_the_start(self, *, number: int) -> None:
        """A person sets a start other than the setting of the last window."""
        if document(self.backend).get("start_setting") != _id(number):
            self.chosen = _id(number)
            self._edit(start_from=self.chosen)

    @precondition(lambda self: self.begun)
    @rule()
    def person_empties_the_start(self) -> None:
        """A person empties the start: the stream follows the setting again."""
        self.chosen = None
        self._edit(start_from="")

    @precondition(lambda self: self.begun)
    @rule(hours=st.sampled_from([0.1, 1.5, 30_000.0]))
    def person_sets_not_before(self, *, hours: float) -> None:
        """A time later than any window would set is ignored."""
        until = self.seconds + hours * 3_600
        self.not_before = until if hours < 2 else None
        self._edit(not_before=(NOW + timedelta(seconds=until)).isoformat())

    @rule()
    def busy_window(self) -> None:
        """A window that VideoVector asks to wait."""
        self.api.busy = True
        refused = self._refused_at_once()
        report = self._window()
        self.api.busy = False
        if self._expected_at_once(report, refused=refused):
            return
        assert report.stop_reason == "rate_limited"
        self.not_before = self.seconds + WAIT_SECONDS
        if self._changed():
            self._abandon_cursor()

    @rule()
    def drain(self) -> None:
        """A window that reads all events."""
        refused = self._refused_at_once()
        report = self._window()
        if self._expected_at_once(report, refused=refused):
            return
        if self._changed():
            self._abandon_cursor()
        if self.api.after(self._position()) is None:
            if self.policy == "fail":
                assert (report.stop_reason, report.http_status) == ("cursor_refused", 409)
                assert self._ids() == []
                self._agree()
                return
            self._abandon_cursor()
        numbers = self.api.after(self._position())
        assert numbers is not None
        assert self._ids() == [_id(number) for number in numbers]
        assert self.api.last_event_ids[-1] == (_id(numbers[-1]) if numbers else self._position())
        if numbers:
            self._commit(_id(numbers[-1]))
        self._agree()

    @rule(number=st.integers(1, 6))
    def person_sets_the_cursor_during_a_window(self, *, number: int) -> None:
        """A person's change during a window stays, and the window reports it."""
        aim = _id(number)
        refused = self._refused_at_once()
        changes = self._changed() or self.api.after(self._position()) in (None, [])
        if refused or changes or aim == self.cursor:
            return
        report = self._window(during=lambda: self._edit(cursor=aim))
        self._expected_at_once(report, refused="")
        last = _id(self.api.newest)
        if aim != last:
            assert report.stop_reason == "lease_lost"
        self.cursor = aim
        self._agree()

    def _window(self, during: Callable[[], None] = lambda: None) -> WindowReport:
        self.begun = True
        self.api.requests.clear()

        def before(number: int) -> None:
            if number == 1:
                during()

        self.topics = WatchedTopics(self.backend.topics, before=before)
        documents = WatchedDocuments(self.backend.documents, older_by=10**6)
        return run_window(
            watched(self.backend, self.topics, documents),
            self.api,
            settings=make_settings(
                START_FROM=self.setting,
                CURSOR_POLICY=self.policy,
                VIDEO_VECTOR_BASE_URL=f"https://{self.host}/api/v2",
            ),
            now=lambda: NOW + timedelta(seconds=self.seconds),
        )

    def _refused_at_once(self) -> str:
        """Why the next window must make no request; "" if it may."""
        if self.not_before is not None and self.seconds < self.not_before:
            return "backing_off"
        return "host_changed" if self._changed() and self.policy == "fail" else ""

    def _expected_at_once(self, report: WindowReport, *, refused: str) -> bool:
        """Whether the window had to end before any request, which is then checked."""
        if refused != "backing_off":
            self.not_before = None
            if self.cursor is None:
                self.belongs = self.host
        if refused:
            assert (report.stop_reason, self.api.requests) == (refused, [])
            self._agree()
        return bool(refused)

    def _changed(self) -> bool:
        return self.cursor is not None and self.belongs != self.host

    def _start(self) -> str:
        return self.setting if self.chosen is None else self.chosen

    def _position(self) -> str | None:
        start = {"latest": None, "earliest": "0"}.get(self._start(), self._start())
        return start if self.cursor is None else self.cursor

    def _abandon_cursor(self) -> None:
        self.cursor, self.chosen, self.belongs = None, self.policy, self.host

    def _commit(self, cursor: str) -> None:
        self.cursor, self.belongs = cursor, self.host

    def _ids(self) -> list[str]:
        # Lanes are published at the same time; the order within each is tested elsewhere.
        return sorted(id_ for id_ in self.topics.ids() if id_.startswith("evt-"))

    def _agree(self) -> None:
        fields = document(self.backend)
        assert fields["cursor"] == self.cursor
        if self.not_before is None:
            assert fields["not_before"] is None

    def _edit(self, **fields: Any) -> None:
        stored = self.backend.documents.read("streams", "default", timeout=5)
        self.backend.documents.write("streams", "default", fields, replaces=stored, timeout=5)


def run(examples: int, **named: Any) -> None:
    """Run the machine."""
    run_state_machine_as_test(
        WindowsMachine,
        settings=run_settings(
            max_examples=examples, stateful_step_count=25, deadline=None, **named
        ),
    )


def test_windows_resume_where_the_model_says() -> None:
    """Each window requests the expected position, and publishes the events after it."""
    run(40)
