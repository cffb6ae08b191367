"""The `Subscriptions` port: leases, acknowledgements and temporary subscriptions."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.patience import PATIENCE_SECONDS
from videovector_bridge.backends import Backend, BackendSettings, open_subscriptions
from videovector_bridge.backends.embedded.subscriptions import SqliteSubscriptions
from videovector_bridge.backends.embedded.topics import SqliteTopics
from videovector_bridge.backends.ports import Message
from videovector_bridge.backends.reading_ports import PulledMessage, Subscriptions
from videovector_bridge.errors import BackendError

QUIET_SECONDS = 1.0


def numbered(count: int) -> list[Message]:
    """Return messages with a number each."""
    return [Message(b"%d" % n, {"ce-id": f"e{n}"}) for n in range(count)]


@pytest.fixture
def subscriptions(backend_settings: BackendSettings) -> Subscriptions:
    """The port, on each backend in turn."""
    return open_subscriptions(backend_settings)


@pytest.fixture
def name(subscriptions: Subscriptions) -> str:
    """A temporary subscription of topic `events`."""
    return subscriptions.create_temporary("events", timeout=10)


def pull_all(subscriptions: Subscriptions, name: str, count: int) -> list[PulledMessage]:
    """Pull until there are `count` messages."""
    pulled: list[PulledMessage] = []
    while len(pulled) < count:
        more = subscriptions.pull(name, limit=1_000, timeout=PATIENCE_SECONDS)
        assert more
        pulled += more
    return pulled


def test_a_message_arrives_as_it_was_published(
    backend: Backend, subscriptions: Subscriptions, name: str
) -> None:
    """Data, attributes and ordering key; the publish time is the topic's."""
    sent = Message(bytes(range(256)), {"ce-id": "1", "ce-subject": "run/\u00e9"}, "lane-03")
    before = datetime.now(UTC)
    backend.topics.publish("events", [sent], timeout=10)

    (pulled,) = pull_all(subscriptions, name, 1)

    assert pulled.message == sent
    assert abs((pulled.published_at - before).total_seconds()) < PATIENCE_SECONDS


def test_an_acknowledged_message_is_not_delivered_again(
    backend: Backend, subscriptions: Subscriptions, name: str
) -> None:
    """The others are, once their lease is released."""
    backend.topics.publish("events", numbered(3), timeout=10)
    pulled = {each.message.data: each.ack_id for each in pull_all(subscriptions, name, 3)}

    subscriptions.acknowledge(name, [pulled[b"1"]], timeout=10)
    subscriptions.extend(name, [pulled[b"0"], pulled[b"2"]], 0, timeout=10)

    again = {each.message.data for each in pull_all(subscriptions, name, 2)}
    assert again == {b"0", b"2"}


def test_a_leased_message_is_not_delivered_again(
    backend: Backend, subscriptions: Subscriptions, name: str
) -> None:
    """An empty subscription returns an empty list after the timeout."""
    backend.topics.publish("events", numbered(2), timeout=10)
    pull_all(subscriptions, name, 2)

    assert subscriptions.pull(name, limit=10, timeout=QUIET_SECONDS) == []


def test_a_pull_is_limited(backend: Backend, subscriptions: Subscriptions, name: str) -> None:
    """A pull returns at most `limit` messages; the next one continues."""
    backend.topics.publish("events", numbered(5), timeout=10)

    first = subscriptions.pull(name, limit=2, timeout=PATIENCE_SECONDS)

    assert 1 <= len(first) <= 2
    assert len(first) + len(pull_all(subscriptions, name, 5 - len(first))) == 5


def test_a_temporary_subscription_begins_now(
    backend: Backend, subscriptions: Subscriptions
) -> None:
    """It does not have earlier messages, and takes none from another subscription."""
    other = subscriptions.create_temporary("events", timeout=10)
    backend.topics.publish("events", [Message(b"before")], timeout=10)
    name = subscriptions.create_temporary("events", timeout=10)
    backend.topics.publish("events", [Message(b"after")], timeout=10)

    assert [each.message.data for each in pull_all(subscriptions, name, 1)] == [b"after"]
    assert {each.message.data for each in pull_all(subscriptions, other, 2)} == {
        b"before",
        b"after",
    }


def test_a_deleted_subscription_cannot_be_read(subscriptions: Subscriptions, name: str) -> None:
    """The error names it; deleting it again is a success."""
    subscriptions.delete(name, timeout=10)
    subscriptions.delete(name, timeout=10)

    with pytest.raises(BackendError, match=name.rpartition("/")[2]):
        subscriptions.pull(name, limit=1, timeout=5)


def test_since_returns_earlier_messages_of_the_embedded_backend(
    embedded_settings: BackendSettings, embedded_backend: Backend
) -> None:
    """Those that were published at that time or later."""
    embedded_backend.topics.publish("events", [Message(b"old")], timeout=10)
    subscriptions = open_subscriptions(embedded_settings)
    since = datetime.now(UTC)
    embedded_backend.topics.publish("events", [Message(b"new")], timeout=10)

    name = subscriptions.create_temporary("events", since=since, timeout=10)

    assert [each.message.data for each in pull_all(subscriptions, name, 1)] == [b"new"]


@given(steps=st.lists(st.sampled_from(["pull", "ack", "release", "expire"]), max_size=30))
def test_no_message_is_lost_or_delivered_after_its_acknowledgement(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """Whatever is pulled, acknowledged, released and expired, in any order."""
    folder = tmp_path_factory.mktemp("embedded")
    now = [1_000_000.0]
    subscriptions = SqliteSubscriptions(folder, now=lambda: now[0], sleep=_never)
    subscriptions.create("all", "events", timeout=5)
    SqliteTopics(folder).publish("events", numbered(3), timeout=5)
    leased: list[PulledMessage] = []
    acknowledged: list[str] = []
    for step in steps:
        if step == "pull":
            more = subscriptions.pull("all", limit=2, timeout=0.01)
            assert not {each.message_id for each in more} & {*acknowledged}
            leased += more
        elif step == "expire":
            now[0] += 61
        elif leased:
            each = leased.pop(0)
            if step == "ack":
                subscriptions.acknowledge("all", [each.ack_id], timeout=5)
                acknowledged += _if_current(each, leased)
            else:
                subscriptions.extend("all", [each.ack_id], 0, timeout=5)
    now[0] += 61
    rest = subscriptions.pull("all", limit=10, timeout=0.01)

    assert {each.message_id for each in rest} >= {"1", "2", "3"} - {*acknowledged}


def _if_current(each: PulledMessage, leased: list[PulledMessage]) -> list[str]:
    """Return the id of an acknowledged message whose lease was not given to a later pull."""
    replaced = any(other.message_id == each.message_id for other in leased)
    return [] if replaced else [each.message_id]


def _never(_seconds: float) -> None:
    raise AssertionError


def test_subscriptions_are_shared_by_processes(tmp_path: Path) -> None:
    """A second reader of the folder sees leases and acknowledgements of the first."""
    open_: Callable[[], SqliteSubscriptions] = lambda: SqliteSubscriptions(tmp_path)  # noqa: E731
    open_().create("all", "events", timeout=5)
    SqliteTopics(tmp_path).publish("events", numbered(2), timeout=5)

    (first,) = open_().pull("all", limit=1, timeout=5)
    (second,) = open_().pull("all", limit=5, timeout=5)

    assert [first.message.data, second.message.data] == [b"0", b"1"]
