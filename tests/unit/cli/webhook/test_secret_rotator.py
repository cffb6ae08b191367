"""`cli.webhook.secret_rotator`: no secret is lost, after kills, refusals and concurrent writes."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.secret_rotation import (
    STORED,
    Killer,
    MemoryStore,
    Time,
    killed,
    rotator_of,
    run_ensure,
    run_rotate,
)
from tests.support.webhook_api import ONCE, WebhookApi, nothing, webhook
from videovector_bridge.api import NotFound
from videovector_bridge.cli.errors import NotReachedError


def rotate_twice(after: int, minutes: int, *, remembers_keys: bool) -> bool:
    """Kill a rotation after so many steps, run another; return whether the first was killed."""
    killer, time = Killer(after), Time()
    api = WebhookApi([webhook("w1")], remembers_keys=remembers_keys)
    store = MemoryStore(STORED)

    def check_step(what: str) -> None:
        secrets = store.stored.secrets
        is_stored = api.secrets["w1"] in secrets.current(time())
        assert is_stored or secrets.rotating(time())
        killer.step(what)

    api.on_step = store.on_step = check_step
    with killed():
        run_rotate(api, store, time)
        return False
    api.on_step = store.on_step = nothing
    time.now += timedelta(minutes=minutes)
    assert "word-w1-0" in store.stored.secrets.current(time())

    run_rotate(api, store, time)

    stored = store.stored.secrets
    assert stored.secrets[0].value == api.secrets["w1"]
    assert stored.rotating_until is None
    assert "word-w1-0" in stored.current(time())
    return True


@pytest.mark.parametrize("remembers_keys", [True, False])
@pytest.mark.parametrize("minutes", [1, 50])
def test_a_rotation_after_a_kill_stores_the_current_secret(
    minutes: int, *, remembers_keys: bool
) -> None:
    """At every step the store has the signing secret, or has announced its rotation."""
    kills = 0
    while rotate_twice(kills, minutes, remembers_keys=remembers_keys):
        kills += 1

    assert kills == 6


def test_a_rotation_is_two_writes() -> None:
    """The announcement, then the new secret together with the end of the old one."""
    api, store, time = WebhookApi([webhook("w1")]), MemoryStore(STORED), Time()

    run_rotate(api, store, time)
    _, announced, rotated = store.texts

    assert "# rotating until 2026-01-02T03:19:05Z\nword-w1-0\n" in announced
    assert rotated == ("# webhook default w1\nword-w1-1\nword-w1-0 # until 2026-01-02T04:04:05Z\n")


def test_readers_get_time_to_read_the_announcement() -> None:
    """The secret is rotated only after the propagation time of the store."""
    api, store = WebhookApi([webhook("w1")]), MemoryStore(STORED, propagation_seconds=35)
    time = Time()

    run_rotate(api, store, time)

    assert time.sleeps == [35]


def test_an_empty_store_needs_no_time() -> None:
    """Receivers without a secret return 503 for every delivery, so no announcement is needed."""
    api, store, time = WebhookApi(), MemoryStore(propagation_seconds=35), Time()

    run_ensure(api, store, time=time)

    assert time.sleeps == []


def test_a_refused_repetition_becomes_a_new_request() -> None:
    """An API that does not repeat its response to a key cannot block rotations."""
    api, store, time = WebhookApi([webhook("w1")]), MemoryStore(STORED), Time()
    killer = Killer(3)
    api.on_step = store.on_step = killer.step
    with killed():
        run_rotate(api, store, time)
    api.on_step = store.on_step = nothing
    nonce = store.stored.request
    assert nonce
    api.refuses_known_keys = True

    run_rotate(api, store, time)

    assert store.stored.secrets.secrets[0].value == api.secrets["w1"]
    assert store.stored.request == ""


def test_a_refused_first_request_is_an_error() -> None:
    """Only a request of an earlier run is replaced by a new one."""
    api, store = WebhookApi([webhook("w1")]), MemoryStore(STORED)

    with pytest.raises(NotFound):
        rotator_of(store, Time()).rotate(api.client(ONCE), "w2", 3_600)
    assert len(api.keys) == 1


class SharedStore(MemoryStore):
    """A store to which other processes write between our last read and our write of a secret."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.others: list[Callable[[], None]] = []
        self.last_version = len(self.texts)

    def read(self) -> str:
        """Return the text and remember its version."""
        self.last_version = len(self.texts)
        return super().read()

    def write(self, text: str) -> bool:
        """Replace the text, after the next of the others."""
        last_version = self.last_version
        if "# request" not in text and self.others:
            self.others.pop(0)()
        was_alone = last_version == len(self.texts)
        super().write(text)
        self.last_version = len(self.texts)
        return was_alone


def test_of_two_concurrent_rotations_the_last_secret_is_stored() -> None:
    """Though they overwrite each other, the store has the signing secret at the end."""
    api, time = WebhookApi([webhook("w1")], remembers_keys=False), Time()
    store = SharedStore(STORED)
    store.others = [lambda: run_rotate(api, store, time)]
    run_rotate(api, store, time)

    assert store.stored.secrets.secrets[0].value == api.secrets["w1"]
    assert store.stored.request == ""
    assert api.rotations == 3


def test_a_rotation_ends_if_others_keep_writing() -> None:
    """After a few rounds it is an error."""
    api, time = WebhookApi([webhook("w1")], remembers_keys=False), Time()
    store = SharedStore(STORED)
    store.others = [lambda: store.texts.append(store.texts[-1])] * 3

    with pytest.raises(NotReachedError, match="Others keep writing"):
        run_rotate(api, store, time)
