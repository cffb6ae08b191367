"""Snapshots of a stack whose state is not always readable."""

from typing import Any

from infra.local.oracle.observer import Observer
from infra.local.oracle.progress import Progress
from tests.support.local_run import START
from videovector_bridge.errors import BackendError


class Stack:
    """A stack whose state is readable unless `down`."""

    def __init__(self) -> None:
        each: Any = self
        self.configuration = self.drain = self.upstream = self.cloud = each
        self.topic_names = {name: name for name in ("events", "rejected", "media-urls")}
        self.streams = {"default": None}
        self.api_url, self.key, self.control = "http://127.0.0.1:9/api/v2", "sk_x", None
        self.unchecked = ""
        self.down = False

    def observe(self, _topic: str) -> list[Any]:
        """No message."""
        return []

    def cursor(self, stream: str) -> str:
        """The cursor of the stream."""
        if self.down:
            raise BackendError("it is down")
        return f"cursor of {stream}"


def test_an_unreadable_state_shows_the_last_cursor() -> None:
    """The next snapshot reads it again; the run continues."""
    stack: Any = Stack()
    observer = Observer(stack, Progress(), START)
    stack.down = True
    assert observer.take_snapshot("draining", required=None, markers=None).cursor is None

    stack.down = False
    observer.take_snapshot("draining", required=None, markers=None)
    stack.down = True
    assert (
        observer.take_snapshot("draining", required=None, markers=None).cursor
        == "cursor of default"
    )
