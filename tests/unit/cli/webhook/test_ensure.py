"""`cli.ensure` and `cli.secret_keeper`: one webhook, its secret stored, whatever goes wrong."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.secret_rotation import NOW, Killer, MemoryStore, Time, keeper_of, killed
from tests.support.webhook_api import EVENTS, ONCE, URL, WebhookApi, nothing, webhook
from videovector_bridge.api import NotFound, RetryPolicy, ScopeRefused, Unreachable
from videovector_bridge.cli.exits import NotReachedError
from videovector_bridge.cli.webhook.ensure import Done, Ensured, ensure
from videovector_bridge.cli.webhook.webhook_spec import Wanted
from videovector_bridge.errors import BackendError, SettingsError

WANTED = Wanted("default", URL, EVENTS)
RIGHT = "# webhook default w1\nword-w1-0\n"
THEIRS = webhook("theirs", name="videovector-bridge:default", metadata={"managed_by": "us"})


def run(
    api: WebhookApi,
    store: MemoryStore,
    *,
    wanted: Wanted = WANTED,
    time: Time | None = None,
    retry: RetryPolicy | None = None,
) -> Ensured:
    """One run of the command."""
    keeper = keeper_of(store, time)
    return ensure(api.client(retry), keeper, wanted, grace_seconds=3_600, tell=nothing)


def assert_ensured(api: WebhookApi, store: MemoryStore, wanted: Wanted = WANTED) -> None:
    """Exactly one of ours, as wanted, and the store holds its secret first."""
    (ours,) = api.ours()
    found = (ours["url"], set(ours["events"]), set(ours["index_ids"] or ()), ours["status"])

    assert found == (wanted.url, set(wanted.events), set(wanted.index_ids or ()), "active")
    assert store.stored.knows(ours["webhook_id"], NOW)
    assert store.stored.secrets.secrets[0].value == api.secrets[ours["webhook_id"]]
    assert store.stored.secrets.rotating_until is None


def lose(what: str, times: int = 1) -> Callable[[str], None]:
    """Trouble that loses the answers to the first so many such requests."""
    left = [times]

    def trouble(step: str) -> None:
        if step == f"after {what}" and left[0]:
            left[0] -= 1
            raise httpx.ReadTimeout("lost")

    return trouble


def test_it_is_created() -> None:
    """Where there is none, one is made, and its secret stored; others' are left alone."""
    api, store = WebhookApi([THEIRS]), MemoryStore()
    others = api.others()

    found = run(api, store)

    assert Done(created=True) == found.done
    assert_ensured(api, store)
    assert others == api.others()


def test_nothing_is_done_twice() -> None:
    """A second run only looks."""
    api, store = WebhookApi(), MemoryStore()
    run(api, store)
    api.requests.clear()
    texts = list(store.texts)

    assert Done() == run(api, store).done
    assert api.requests == ["GET /webhooks"]
    assert texts == store.texts


@pytest.mark.parametrize(
    "drift",
    [
        {"url": "https://old.example.test/"},
        {"events": list(EVENTS[:1])},
        {"index_ids": ["i1"]},
        {"name": "renamed"},
        {"status": "paused"},
        {"status": "disabled", "url": "https://old.example.test/"},
    ],
)
def test_drift_is_repaired(drift: dict[str, Any]) -> None:
    """What drifted is patched, and nothing else; its secret stays."""
    api, store = WebhookApi([webhook("w1", **drift), THEIRS]), MemoryStore(RIGHT)

    found = run(api, store)

    assert set(drift) == set(found.done.changed)
    assert_ensured(api, store)
    assert store.texts == [RIGHT]


def test_a_secret_that_is_not_stored_is_learned() -> None:
    """One of ours whose secret is nowhere gets a new one, before it is made active."""
    api, store = WebhookApi([webhook("w1", status="paused")]), MemoryStore()

    assert run(api, store).done.secret_learned
    assert_ensured(api, store)
    writes = [each for each in api.requests if "GET" not in each]
    assert writes == ["POST /webhooks/w1/rotate-secret", "PATCH /webhooks/w1"]


def test_secrets_of_a_webhook_that_is_gone_end() -> None:
    """A new webhook's secret is first, the old one's verifies for the grace period."""
    api, store = WebhookApi(), MemoryStore("# webhook default gone\nold-word\n")

    run(api, store)

    assert_ensured(api, store)
    assert store.stored.secrets.secrets[1].until == NOW + timedelta(hours=1)


def test_a_secret_written_by_hand_is_believed() -> None:
    """Without a line that says whose it is, a secret is taken to be the webhook's."""
    api, store = WebhookApi([webhook("w1")]), MemoryStore("word-w1-0\n")

    assert Done() == run(api, store).done


def test_a_store_of_another_webhook_is_left_alone() -> None:
    """It is not ours to write to, and nothing is created."""
    api, store = WebhookApi(), MemoryStore("# webhook other w9\nword\n")

    with pytest.raises(SettingsError, match="other"):
        run(api, store)

    assert not [each for each in api.requests if "POST" in each]


def test_further_ones_of_ours_are_deleted() -> None:
    """The one whose secret is stored is kept, though another is older."""
    hooks = [webhook("old", created_at="2020"), webhook("w1"), webhook("third"), THEIRS]
    api, store = WebhookApi(hooks), MemoryStore(RIGHT)

    found = run(api, store)

    assert {"old", "third"} == set(found.done.removed)
    assert {"w1", "theirs"} == set(api.webhooks)
    assert_ensured(api, store)


def test_without_metadata_the_name_is_the_mark() -> None:
    """An API that shows no metadata has its webhooks of ours known by their reserved name."""
    api, store = WebhookApi(shows_metadata=False, page=1), MemoryStore()
    run(api, store)

    assert Done() == run(api, store).done
    assert len(api.webhooks) == 1


def test_a_lost_answer_to_a_create_is_asked_for_again() -> None:
    """Within a run, under the same key: one is made."""
    api, store = WebhookApi(trouble=lose("POST /webhooks")), MemoryStore()

    run(api, store)

    assert api.made == 1
    assert_ensured(api, store)


@pytest.mark.parametrize("remembers_keys", [True, False])
def test_a_create_whose_answer_never_came_is_found(*, remembers_keys: bool) -> None:
    """The next run finds what was made, and rotates its secret to learn one."""
    api = WebhookApi(trouble=lose("POST /webhooks", 4), remembers_keys=remembers_keys)
    store = MemoryStore()
    with pytest.raises(Unreachable):
        run(api, store, retry=None if remembers_keys else ONCE)
    api.trouble = nothing

    assert run(api, store).done.secret_learned
    assert api.made == 1
    assert_ensured(api, store)


def test_a_create_that_shows_late_is_asked_for_under_the_same_key() -> None:
    """The next run, to which the API does not show what it made, gets the first answer again."""
    api, store = WebhookApi(trouble=lose("POST /webhooks", 4)), MemoryStore()
    with pytest.raises(Unreachable):
        run(api, store)
    hidden, api.webhooks = api.webhooks, {}

    def show(what: str) -> None:
        if what == "after POST /webhooks":
            api.webhooks = hidden

    api.trouble = show

    run(api, store)

    assert api.made == 1
    assert api.rotations == 0
    assert_ensured(api, store)


def test_a_second_webhook_that_an_api_makes_anyway_is_deleted() -> None:
    """An API that ignores idempotency keys makes two; the one whose secret is known stays."""
    api = WebhookApi(trouble=lose("POST /webhooks"), remembers_keys=False)
    store = MemoryStore()

    found = run(api, store)

    assert api.made == 2
    assert found.done.removed == ["new1"]
    assert_ensured(api, store)


def test_a_remembered_answer_about_a_deleted_webhook_is_seen_through() -> None:
    """The old answer to the same key names a webhook that is gone: another is made."""
    api, store = WebhookApi(trouble=lose("POST /webhooks", 4)), MemoryStore()
    with pytest.raises(Unreachable):
        run(api, store)
    api.webhooks.clear()

    run(api, store)

    assert list(api.webhooks) == ["new2"]
    assert_ensured(api, store)


def test_a_list_that_lags_makes_no_second_webhook() -> None:
    """What the list does not show yet is asked for by its id."""
    api, store = WebhookApi(), MemoryStore()
    run(api, store)
    api.lists = False

    assert Done() == run(api, store).done
    assert_ensured(api, store)


def test_a_change_that_is_not_taken_is_told() -> None:
    """An API that accepts a patch and ignores it ends in a sentence that names the field."""
    api, store = WebhookApi([webhook("w1", index_ids=["i1"])]), MemoryStore(RIGHT)

    def ignore(what: str) -> None:
        if what == "after PATCH /webhooks/w1":
            api.webhooks["w1"]["index_ids"] = ["i1"]

    api.trouble = ignore

    with pytest.raises(NotReachedError, match="index_ids"):
        run(api, store)


def test_a_store_that_fails_costs_no_secret() -> None:
    """Where nothing can be written, nothing is asked for."""
    api, store = WebhookApi(), MemoryStore()

    def full(_what: str) -> None:
        raise BackendError("the disk is full")

    store.trouble = full

    with pytest.raises(BackendError):
        run(api, store)

    assert api.requests == ["GET /webhooks"]


def test_deleting_comes_last() -> None:
    """A key that may not delete still brings about all the rest."""
    api, store = WebhookApi([webhook("w1", status="paused"), webhook("w22")]), MemoryStore()

    class Forbidding(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "DELETE":
                return httpx.Response(403, json={"detail": "admin"})
            return api.handle_request(request)

    client = api.client()
    client._transport.pool._http = httpx.Client(transport=Forbidding())

    with pytest.raises(ScopeRefused):
        ensure(client, keeper_of(store), WANTED, grace_seconds=1, tell=nothing)

    kept = next(each for each in api.ours() if each["webhook_id"] == "w22")
    assert kept["status"] == "active"
    assert store.stored.knows("w22", NOW)


CASES = {
    "create": ([THEIRS], ""),
    "create, old secret": ([], "# webhook default gone\nold\n"),
    "learn": ([webhook("w1", status="paused", url="https://x.test")], ""),
    "learn, old secret": ([webhook("w1")], "# webhook default gone\nold\n"),
    "repair and delete": ([webhook("w1", index_ids=["x"]), webhook("w22"), THEIRS], RIGHT),
}


@pytest.mark.parametrize("remembers_keys", [True, False])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("minutes", [1, 60])
def test_killed_anywhere_the_next_run_ends_well(
    case: str, minutes: int, *, remembers_keys: bool
) -> None:
    """Whatever change a process dies before or after, another one brings about what was wanted."""
    for after in range(100):
        hooks, text = CASES[case]
        killer, time = Killer(after), Time()
        api = WebhookApi([dict(each) for each in hooks], remembers_keys=remembers_keys)
        store = MemoryStore(text)
        others, api.trouble, store.trouble = api.others(), killer.step, killer.step
        with killed():
            run(api, store, time=time)
            break
        api.trouble = store.trouble = nothing
        time.now += timedelta(minutes=minutes)

        run(api, store, time=time)

        assert_ensured(api, store)
        assert others == api.others()
        assert api.made <= 1
    assert 2 < after < 99


def rotate(api: WebhookApi, store: MemoryStore, time: Time, retry: RetryPolicy = ONCE) -> None:
    """One run of `rotate`."""
    keeper_of(store, time).rotate(api.client(retry), "w1", 3_600)


def rotation_killed(after: int, minutes: int, *, remembers_keys: bool) -> bool:
    """A rotation that dies after so many steps, and another after some time; False: none died."""
    killer, time = Killer(after), Time()
    api = WebhookApi([webhook("w1")], remembers_keys=remembers_keys)
    store = MemoryStore(RIGHT)

    def watch(what: str) -> None:
        secrets = store.stored.secrets
        known = api.secrets["w1"] in secrets.current(time())
        assert known or secrets.rotating(time())
        killer.step(what)

    api.trouble = store.trouble = watch
    with killed():
        rotate(api, store, time)
        return False
    api.trouble = store.trouble = nothing
    time.now += timedelta(minutes=minutes)
    assert "word-w1-0" in store.stored.secrets.current(time())

    rotate(api, store, time)

    stored = store.stored.secrets
    assert stored.secrets[0].value == api.secrets["w1"]
    assert stored.rotating_until is None
    assert "word-w1-0" in stored.current(time())
    return True


@pytest.mark.parametrize("remembers_keys", [True, False])
@pytest.mark.parametrize("minutes", [1, 50])
def test_a_rotation_killed_anywhere_ends_well(minutes: int, *, remembers_keys: bool) -> None:
    """At every step the store holds, or has announced, what the webhook signs with."""
    deaths = 0
    while rotation_killed(deaths, minutes, remembers_keys=remembers_keys):
        deaths += 1

    assert deaths == 6


def test_a_rotation_is_two_writes() -> None:
    """The announcement, then the new secret with the old one's end, together."""
    api, store, time = WebhookApi([webhook("w1")]), MemoryStore(RIGHT), Time()

    rotate(api, store, time)
    _, announced, rotated = store.texts

    assert "# rotating until 2026-01-02T03:19:05Z\nword-w1-0\n" in announced
    assert rotated == ("# webhook default w1\nword-w1-1\nword-w1-0 # until 2026-01-02T04:04:05Z\n")


def test_readers_get_time_to_see_the_announcement() -> None:
    """Where a store's readers lag, the secret is rotated only when they must have read of it."""
    api, store = WebhookApi([webhook("w1")]), MemoryStore(RIGHT, settle_seconds=35)
    time = Time()

    rotate(api, store, time)

    assert time.naps == [35]


def test_an_empty_store_needs_no_time() -> None:
    """Receivers without a secret ask for everything to come again, so nobody waits."""
    api, store, time = WebhookApi(), MemoryStore(settle_seconds=35), Time()

    run(api, store, time=time)

    assert time.naps == []


def test_a_rotation_that_was_refused_a_repetition_asks_anew() -> None:
    """An API that does not repeat its answer to a key does not keep it from a secret for ever."""
    api, store, time = WebhookApi([webhook("w1")]), MemoryStore(RIGHT), Time()
    killer = Killer(3)
    api.trouble = store.trouble = killer.step
    with killed():
        rotate(api, store, time)
    api.trouble = store.trouble = nothing
    nonce = store.stored.request
    assert nonce
    api.refuses_known_keys = True

    rotate(api, store, time)

    assert store.stored.secrets.secrets[0].value == api.secrets["w1"]
    assert store.stored.request == ""


def test_a_rotation_that_is_refused_at_first_is_an_error() -> None:
    """Only what an earlier run asked for is asked anew."""
    api, store = WebhookApi([webhook("w1")]), MemoryStore(RIGHT)

    with pytest.raises(NotFound):
        keeper_of(store, Time()).rotate(api.client(ONCE), "w2", 3_600)
    assert len(api.keys) == 1


class Meanwhile(MemoryStore):
    """A store to which another process writes between two steps of ours, as often as is told."""

    def __init__(self, text: str, *others: Callable[[], None]) -> None:
        super().__init__(text)
        self.others = list(others)
        self.seen = len(self.texts)

    def read(self) -> str:
        """Read, and know what was read."""
        self.seen = len(self.texts)
        return super().read()

    def write(self, text: str) -> bool:
        """Write, after others did."""
        seen = self.seen
        if "# request" not in text and self.others:
            self.others.pop(0)()
        alone = seen == len(self.texts)
        super().write(text)
        self.seen = len(self.texts)
        return alone


def test_of_two_rotations_at_once_the_last_secret_is_stored() -> None:
    """Whatever the two overwrite of each other, in the end the store holds what is signed with."""
    api, time = WebhookApi([webhook("w1")], remembers_keys=False), Time()
    store = Meanwhile(RIGHT)

    def other() -> None:
        rotate(api, store, time)

    store.others = [other]
    rotate(api, store, time)

    assert store.stored.secrets.secrets[0].value == api.secrets["w1"]
    assert store.stored.request == ""
    assert api.rotations == 3


def test_a_store_that_others_keep_writing_to_is_told() -> None:
    """After a few times it is better to come back."""
    api, time = WebhookApi([webhook("w1")], remembers_keys=False), Time()
    store = Meanwhile(RIGHT)
    store.others = [lambda: store.texts.append(store.texts[-1])] * 3

    with pytest.raises(NotReachedError, match="Others keep writing"):
        rotate(api, store, time)


def test_a_known_webhook_that_is_gone_is_gone_however_it_is_said() -> None:
    """A 404 without a word about it is one too."""
    api = WebhookApi([])
    api.bare_not_found = True
    store = MemoryStore("# webhook default gone\nold\n")

    run(api, store)

    assert_ensured(api, store)
