"""`cli.webhook.ensure`: one webhook with its secret stored, after any failure."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.secret_rotation import (
    FOREIGN,
    NOW,
    SPEC,
    STORED,
    Killer,
    MemoryStore,
    Time,
    assert_ensured,
    killed,
    lose_responses,
    rotator_of,
    run_ensure,
)
from tests.support.webhook_api import EVENTS, ONCE, WebhookApi, client_for, nothing, webhook
from videovector_bridge.api import ScopeRefused, Unreachable
from videovector_bridge.cli.errors import NotReachedError
from videovector_bridge.cli.webhook.ensure import Changes, ensure
from videovector_bridge.errors import BackendError, SettingsError


def test_a_missing_webhook_is_created() -> None:
    """Its secret is stored, and webhooks of others stay as they are."""
    api, store = WebhookApi([FOREIGN]), MemoryStore()
    others = api.others()

    result = run_ensure(api, store)

    assert Changes(created=True) == result.changes
    assert_ensured(api, store)
    assert others == api.others()


def test_a_second_run_changes_nothing() -> None:
    """It only reads."""
    api, store = WebhookApi(), MemoryStore()
    run_ensure(api, store)
    api.requests.clear()
    texts = list(store.texts)

    assert Changes() == run_ensure(api, store).changes
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
    """Only the fields that differ are patched; the secret stays."""
    api, store = WebhookApi([webhook("w1", **drift), FOREIGN]), MemoryStore(STORED)

    result = run_ensure(api, store)

    assert set(drift) == set(result.changes.changed)
    assert_ensured(api, store)
    assert store.texts == [STORED]


def test_a_webhook_whose_secret_is_not_stored_gets_a_new_one() -> None:
    """The secret is rotated before the webhook is activated."""
    api, store = WebhookApi([webhook("w1", status="paused")]), MemoryStore()

    assert run_ensure(api, store).changes.secret_learned
    assert_ensured(api, store)
    writes = [each for each in api.requests if "GET" not in each]
    assert writes == ["POST /webhooks/w1/rotate-secret", "PATCH /webhooks/w1"]


def test_secrets_of_a_deleted_webhook_end() -> None:
    """The new webhook's secret is first; the old one stays valid for the grace period."""
    api, store = WebhookApi(), MemoryStore("# webhook default gone\nold-word\n")

    run_ensure(api, store)

    assert_ensured(api, store)
    assert store.stored.secrets.secrets[1].until == NOW + timedelta(hours=1)


def test_a_secret_without_an_owner_is_accepted() -> None:
    """An operator may write a secret into the store by hand."""
    api, store = WebhookApi([webhook("w1")]), MemoryStore("word-w1-0\n")

    assert Changes() == run_ensure(api, store).changes


def test_the_store_of_another_webhook_is_refused() -> None:
    """Nothing is written or created."""
    api, store = WebhookApi(), MemoryStore("# webhook other w9\nword\n")

    with pytest.raises(SettingsError, match="other"):
        run_ensure(api, store)

    assert not [each for each in api.requests if "POST" in each]


def test_surplus_webhooks_are_deleted() -> None:
    """The one whose secret is stored stays, though another is older."""
    hooks = [webhook("old", created_at="2020"), webhook("w1"), webhook("third"), FOREIGN]
    api, store = WebhookApi(hooks), MemoryStore(STORED)

    result = run_ensure(api, store)

    assert {"old", "third"} == set(result.changes.removed)
    assert {"w1", "theirs"} == set(api.webhooks)
    assert_ensured(api, store)


def test_without_metadata_the_name_identifies_a_webhook() -> None:
    """Where the API returns no metadata, the reserved name decides."""
    api, store = WebhookApi(shows_metadata=False, page=1), MemoryStore()
    run_ensure(api, store)

    assert Changes() == run_ensure(api, store).changes
    assert len(api.webhooks) == 1


def test_a_create_is_repeated_after_a_lost_response() -> None:
    """In one run, with the same key: one webhook is created."""
    api, store = WebhookApi(on_step=lose_responses("POST /webhooks")), MemoryStore()

    run_ensure(api, store)

    assert api.created == 1
    assert_ensured(api, store)


@pytest.mark.parametrize("remembers_keys", [True, False])
def test_the_next_run_finds_a_webhook_whose_create_got_no_response(*, remembers_keys: bool) -> None:
    """It rotates the secret, because the first one was in the lost response."""
    api = WebhookApi(on_step=lose_responses("POST /webhooks", 4), remembers_keys=remembers_keys)
    store = MemoryStore()
    with pytest.raises(Unreachable):
        run_ensure(api, store, retry=None if remembers_keys else ONCE)
    api.on_step = nothing

    assert run_ensure(api, store).changes.secret_learned
    assert api.created == 1
    assert_ensured(api, store)


def test_a_create_is_repeated_with_the_same_key_by_the_next_run() -> None:
    """The API does not list the webhook yet, but repeats its first response."""
    api, store = WebhookApi(on_step=lose_responses("POST /webhooks", 4)), MemoryStore()
    with pytest.raises(Unreachable):
        run_ensure(api, store)
    hidden, api.webhooks = api.webhooks, {}

    def show(what: str) -> None:
        if what == "after POST /webhooks":
            api.webhooks = hidden

    api.on_step = show

    run_ensure(api, store)

    assert api.created == 1
    assert api.rotations == 0
    assert_ensured(api, store)


def test_a_second_webhook_of_an_api_without_keys_is_deleted() -> None:
    """An API that ignores idempotency keys creates two; the one whose secret is stored stays."""
    api = WebhookApi(on_step=lose_responses("POST /webhooks"), remembers_keys=False)
    store = MemoryStore()

    result = run_ensure(api, store)

    assert api.created == 2
    assert result.changes.removed == ["new1"]
    assert_ensured(api, store)


def test_a_repeated_response_about_a_deleted_webhook_is_not_trusted() -> None:
    """The response to the same key names a deleted webhook, so another is created."""
    api, store = WebhookApi(on_step=lose_responses("POST /webhooks", 4)), MemoryStore()
    with pytest.raises(Unreachable):
        run_ensure(api, store)
    api.webhooks.clear()

    run_ensure(api, store)

    assert list(api.webhooks) == ["new2"]
    assert_ensured(api, store)


def test_a_list_that_lags_causes_no_second_webhook() -> None:
    """A webhook that the list does not show yet is requested by its id."""
    api, store = WebhookApi(), MemoryStore()
    run_ensure(api, store)
    api.lists = False

    assert Changes() == run_ensure(api, store).changes
    assert_ensured(api, store)


def test_a_change_without_effect_is_an_error() -> None:
    """The API accepts a patch and ignores it; the message names the field."""
    api, store = WebhookApi([webhook("w1", index_ids=["i1"])]), MemoryStore(STORED)

    def ignore(what: str) -> None:
        if what == "after PATCH /webhooks/w1":
            api.webhooks["w1"]["index_ids"] = ["i1"]

    api.on_step = ignore

    with pytest.raises(NotReachedError, match="index_ids"):
        run_ensure(api, store)


def test_nothing_is_requested_if_the_store_fails() -> None:
    """A secret that cannot be stored would be lost."""
    api, store = WebhookApi(), MemoryStore()

    def full(_what: str) -> None:
        raise BackendError("the disk is full")

    store.on_step = full

    with pytest.raises(BackendError):
        run_ensure(api, store)

    assert api.requests == ["GET /webhooks"]


def test_surplus_webhooks_are_deleted_last() -> None:
    """With a key that may not delete, everything else is still done."""
    api, store = WebhookApi([webhook("w1", status="paused"), webhook("w22")]), MemoryStore()

    class Forbidding(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "DELETE":
                return httpx.Response(403, json={"detail": "admin"})
            return api.handle_request(request)

    with pytest.raises(ScopeRefused):
        ensure(client_for(Forbidding()), rotator_of(store), SPEC, grace_seconds=1, notify=nothing)

    kept = next(each for each in api.ours() if each["webhook_id"] == "w22")
    assert kept["status"] == "active"
    assert store.stored.has_secret_of("w22", NOW)


def test_a_bare_404_means_that_the_stored_webhook_is_deleted() -> None:
    """A 404 without VideoVector's error body counts too."""
    api = WebhookApi([])
    api.bare_not_found = True
    store = MemoryStore("# webhook default gone\nold\n")

    run_ensure(api, store)

    assert_ensured(api, store)


CASES = {
    "create": ([FOREIGN], ""),
    "create, old secret": ([], "# webhook default gone\nold\n"),
    "learn": ([webhook("w1", status="paused", url="https://x.test")], ""),
    "learn, old secret": ([webhook("w1")], "# webhook default gone\nold\n"),
    "repair and delete": ([webhook("w1", index_ids=["x"]), webhook("w22"), FOREIGN], STORED),
}


@pytest.mark.parametrize("remembers_keys", [True, False])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("minutes", [1, 60])
def test_a_run_after_a_kill_reaches_the_specified_state(
    case: str, minutes: int, *, remembers_keys: bool
) -> None:
    """The first process is killed before or after each of its changes."""
    for after in range(100):
        hooks, text = CASES[case]
        killer, time = Killer(after), Time()
        api = WebhookApi([dict(each) for each in hooks], remembers_keys=remembers_keys)
        store = MemoryStore(text)
        others, api.on_step, store.on_step = api.others(), killer.step, killer.step
        with killed():
            run_ensure(api, store, time=time)
            break
        api.on_step = store.on_step = nothing
        time.now += timedelta(minutes=minutes)

        run_ensure(api, store, time=time)

        assert_ensured(api, store)
        assert others == api.others()
        assert api.created <= 1
    assert 2 < after < 99
