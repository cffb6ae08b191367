"""`cli.operate.tail.follow`: when it ends, and what it shows."""

from collections.abc import Sequence

from tests.support.replays import NOON, published
from videovector_bridge.backends.ports import Timeout, seconds_left
from videovector_bridge.backends.pubsub_filter import parse_filter
from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.cli.operate.tail.follow import Selection, follow

EVERYTHING = Selection(parse_filter(""))


class Scripted:
    """A subscription that delivers pages in turn, and nothing afterwards; a pull takes its time."""

    def __init__(self, *pages: Sequence[str]) -> None:
        self._pages = [[self._pull(name) for name in page] for page in pages]
        self.now = 0.0
        self.acknowledged: list[str] = []

    def _pull(self, name: str) -> PulledMessage:
        event_type, _, id_ = name.partition(":")
        message = published(id_ or name, event_type=event_type).message
        return PulledMessage(f"ack-{name}", name, message, NOON)

    def pull(self, subscription: str, *, limit: int, timeout: Timeout) -> list[PulledMessage]:  # noqa: ARG002
        """Return the next page, or nothing after the timeout."""
        if self._pages:
            return self._pages.pop(0)
        self.now += seconds_left(timeout)
        return []

    def acknowledge(self, subscription: str, ack_ids: Sequence[str], *, timeout: Timeout) -> None:  # noqa: ARG002
        """Note the acknowledgement."""
        self.acknowledged += ack_ids


def run(scripted: Scripted, selection: Selection = EVERYTHING, **options: object) -> list[str]:
    """Follow; return the ids that were shown."""
    shown: list[str] = []

    def show(message: PulledMessage) -> None:
        shown.append(message.message.attributes["ce-id"])

    count = follow(
        scripted,  # type: ignore[arg-type]
        "mine",
        selection,
        show,
        clock=lambda: scripted.now,
        **options,  # type: ignore[arg-type]
    )
    assert count == len(shown)
    return shown


def test_it_ends_after_so_many_messages() -> None:
    """Messages beyond the count are acknowledged, not shown."""
    scripted = Scripted(["x:1"], ["x:2", "x:3"])

    assert run(scripted, count=2) == ["1", "2"]
    assert len(scripted.acknowledged) == 3


def test_it_ends_after_so_many_seconds() -> None:
    """Also when nothing arrives."""
    scripted = Scripted(["x:1"])

    assert run(scripted, seconds=7.0) == ["1"]
    assert scripted.now == 7.0


def test_it_ends_when_nobody_reads_the_output() -> None:
    """Within one pull, also when nothing arrives."""
    scripted = Scripted()
    open_ = iter([True, True, False])

    assert run(scripted, is_open=lambda: next(open_)) == []


def test_only_selected_messages_are_shown() -> None:
    """By type and by filter; the others are acknowledged."""
    scripted = Scripted(["run.failed:1", "run.done:2", "run.failed:3", ":4"])
    selection = Selection(parse_filter('NOT attributes."ce-id" = "3"'), "run.f*")

    assert run(scripted, selection, seconds=1.0) == ["1"]
    assert len(scripted.acknowledged) == 4


def test_a_message_without_a_type_is_shown_without_a_glob() -> None:
    """A rejected one may have none."""
    assert run(Scripted([":4"]), seconds=1.0) == ["4"]
    assert run(Scripted([":4"]), Selection(parse_filter(""), "*"), seconds=1.0) == []
