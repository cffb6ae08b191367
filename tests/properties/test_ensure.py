"""`webhook ensure` from any state: exactly one webhook as specified, others unchanged."""

from contextlib import suppress
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.secret_rotation import (
    Killer,
    MemoryStore,
    assert_ensured,
    killed,
    run_ensure,
)
from tests.support.webhook_api import EVENTS, URL, WebhookApi, webhook
from videovector_bridge.api import ApiError
from videovector_bridge.cli.errors import NotReachedError
from videovector_bridge.cli.webhook.ensure import Changes
from videovector_bridge.cli.webhook.webhook_spec import WebhookSpec

MARKS = [
    None,
    {},
    {"managed_by": "videovector-bridge", "name": "default"},
    {"managed_by": "videovector-bridge", "name": "other"},
    {"managed_by": "terraform"},
]
NAMES = ["videovector-bridge:default", "videovector-bridge:other", "videovector-bridge", "mine"]
INDEXES = st.none() | st.lists(st.sampled_from("ab"), min_size=1, unique=True)
EVENT_LISTS = st.lists(st.sampled_from(EVENTS), min_size=1, unique=True)
STORES = st.sampled_from(
    [
        "",
        "word-h0-0\n",
        "# webhook default h0\nword-h0-0\n",
        "# webhook default h1\nword-h1-0\n",
        "# webhook default gone\nword\n",
        "# webhook default h0\n# request " + "a" * 32 + "\nword\n",
    ]
)


@st.composite
def existing(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Webhooks of the bridge and of others, with any drift."""
    return [
        webhook(
            f"h{number}",
            name=draw(st.sampled_from(NAMES)),
            url=draw(st.sampled_from([URL, "https://old.example.test/"])),
            events=draw(EVENT_LISTS),
            index_ids=draw(INDEXES),
            status=draw(st.sampled_from(["active", "paused", "disabled"])),
            created_at=draw(st.sampled_from(["2026-01-01", "2026-01-02", None])),
            metadata=draw(st.sampled_from(MARKS)),
        )
        for number in range(draw(st.integers(0, 4)))
    ]


SPECS = st.builds(
    WebhookSpec,
    st.just("default"),
    st.just(URL),
    EVENT_LISTS.map(tuple),
    INDEXES.map(lambda i: i and (*i,)),
)


@settings(max_examples=300)
@given(webhooks=existing(), spec=SPECS, text=STORES, page=st.integers(0, 2))
def test_one_run_reaches_the_specified_state(
    webhooks: list[dict[str, Any]], spec: WebhookSpec, text: str, page: int
) -> None:
    """The next run has nothing to change."""
    api, store = WebhookApi(webhooks, page=page), MemoryStore(text)
    others = api.others()
    # A secret without an owner counts as that of the webhook that stays.
    has_owner = text != "word-h0-0\n"

    run_ensure(api, store, spec=spec)

    assert others == api.others()
    if has_owner:
        assert_ensured(api, store, spec)
    assert run_ensure(api, store, spec=spec).changes == Changes()


@settings(max_examples=300)
@given(
    webhooks=existing(),
    spec=SPECS,
    text=STORES.filter(lambda text: text != "word-h0-0\n"),
    lost=st.sets(st.integers(0, 30)),
    kills=st.lists(st.integers(0, 8), max_size=3),
    remembers_keys=st.booleans(),
)
def test_a_run_after_losses_and_kills_reaches_the_specified_state(
    webhooks: list[dict[str, Any]],
    spec: WebhookSpec,
    text: str,
    lost: set[int],
    kills: list[int],
    *,
    remembers_keys: bool,
) -> None:
    """The runs before it lose responses and are killed; the last one is undisturbed."""
    api, store = WebhookApi(webhooks, remembers_keys=remembers_keys), MemoryStore(text)
    others, steps = api.others(), 0

    for after in kills:
        killer = Killer(after)

        def on_step(what: str, killer: Killer = killer) -> None:
            nonlocal steps
            killer.step(what)
            steps += 1
            if steps in lost:
                raise httpx.ReadTimeout("lost")

        api.on_step, store.on_step = on_step, killer.step
        with killed(), suppress(ApiError, NotReachedError):
            run_ensure(api, store, spec=spec)
    api.on_step = store.on_step = lambda _what: None

    run_ensure(api, store, spec=spec)

    assert others == api.others()
    assert_ensured(api, store, spec)
