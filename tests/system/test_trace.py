"""One event over real processes: the window that publishes it and its effect have one trace."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from infra.local.clouds.pusher import Pusher
from infra.local.processes.functions import Function
from infra.local.topology import Subscription
from infra.standin import StandIn, StandInConfig
from tests.support.patience import until
from tests.support.traces import TRACE_ID, TRACEPARENT, trace_and_span, traces_of_lines
from videovector_bridge.backends.embedded.topics import MessageLog

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stack:
    """`drain` and `upsert_markers` as deployed, a stand-in, and the topic between them."""

    standin: StandIn
    drain: Function
    markers: Function
    messages: MessageLog

    def emit_failed_run(self, run_id: str) -> str:
        """Let a run fail at the stand-in; return the id of the event."""
        fields = {"event_type": "processing.run_failed", "run_id": run_id}
        (event_id,) = self.standin.control.events(fields)
        return event_id

    def run_window(self, headers: dict[str, str]) -> Line:
        """Drain one event, and return the line of the window."""
        before = len(lines_of(self.drain))
        httpx.post(self.drain.url, headers=headers, timeout=60).raise_for_status()
        (line,) = lines_of(self.drain)[before:]
        return line

    def span_of(self, event_id: str) -> tuple[str, str]:
        """Return trace and span of the message with an event."""
        stored = self.messages.read("events", limit=100)
        (attributes,) = (
            each.message.attributes
            for each in stored
            if each.message.attributes["ce-id"] == event_id
        )
        return trace_and_span(attributes)

    def effect_of(self, event_id: str) -> list[Line]:
        """Wait for the effect of an event, and return its lines."""

        def find() -> list[Line]:
            return [line for line in lines_of(self.markers) if line.get("event_id") == event_id]

        assert until(lambda: bool(find()))
        return find()


def lines_of(function: Function) -> list[Line]:
    """Return the lines that a function has logged, without those of the host."""
    texts = function.log.read_text(encoding="utf-8").splitlines(keepends=True)
    return [orjson.loads(text) for text in texts if text[0] == "{" and text[-1] == "\n"]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """The stack on the embedded backend. A window ends after one event."""
    folder = tmp_path / "embedded"
    with ExitStack() as undo:
        standin = undo.enter_context(StandIn(StandInConfig()))
        environment = {
            "BACKEND": "embedded",
            "EMBEDDED_DIR": str(folder),
            "VIDEO_VECTOR_BASE_URL": standin.api_url,
            "VIDEO_VECTOR_API_KEY": standin.keys["write"],
            "START_FROM": "earliest",
            "MAX_EVENTS": "1",
            "WINDOW_SECONDS": "60",
        }
        functions = []
        for entry_point in ("drain", "upsert_markers"):
            function = Function(entry_point, entry_point, environment, tmp_path)
            undo.callback(function.close)
            function.start()
            functions.append(function)
        for function in functions:
            function.wait()
        drain, markers = functions
        subscription = Subscription("s", "events", "upsert-markers", "", "", 60, "", 5)
        pusher = Pusher(folder, subscription, markers.url, at_once=8)
        pusher.start()
        undo.callback(pusher.join)
        undo.callback(pusher.stop)
        yield Stack(standin, drain, markers, MessageLog(folder))


def test_an_event_is_followed_to_its_effect(stack: Stack) -> None:
    """By trace through window and effect, and by span to its effect alone."""
    first = stack.emit_failed_run("run_a")
    window = stack.run_window({"traceparent": TRACEPARENT})
    second = stack.emit_failed_run("run_b")
    other_window = stack.run_window({})

    for event_id, line in ((first, window), (second, other_window)):
        assert line["event"] == "drain.window_closed"
        assert line["cursor_after"] == event_id
        ((trace_id, _),) = traces_of_lines([line])
        effects = stack.effect_of(event_id)
        assert [effect["event"] for effect in effects] == ["upsert_marker.done"]
        assert traces_of_lines(effects) == {stack.span_of(event_id)}
        assert stack.span_of(event_id)[0] == trace_id
    assert stack.span_of(first)[0] == TRACE_ID != stack.span_of(second)[0]
