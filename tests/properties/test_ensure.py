"""`webhook ensure`, from any state: exactly one of ours, as wanted, and others' untouched."""

from contextlib import suppress
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.secret_rotation import Killer, MemoryStore, killed
from tests.support.webhook_api import EVENTS, URL, WebhookApi, webhook
from tests.unit.cli.webhook.test_ensure import assert_ensured, run
from videovector_bridge.api import ApiError
from videovector_bridge.cli.exits import NotReachedError
from videovector_bridge.cli.webhook.ensure import Done
from videovector_bridge.cli.webhook.webhook_spec import Wanted

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
    """Webhooks of ours and of others, drifted in any way."""
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


WANTED = st.builds(
    Wanted,
    st.just("default"),
    st.just(URL),
    EVENT_LISTS.map(tuple),
    INDEXES.map(lambda i: i and (*i,)),
)


@settings(max_examples=300)
@given(hooks=existing(), wanted=WANTED, text=STORES, page=st.integers(0, 2))
def test_exactly_one_as_wanted(
    hooks: list[dict[str, Any]], wanted: Wanted, text: str, page: int
) -> None:
    """In one run, and the next run finds nothing to do."""
    api, store = WebhookApi(hooks, page=page), MemoryStore(text)
    others = api.others()
    # A secret without a line that says whose it is, is taken to be the kept one's.
    by_hand = text == "word-h0-0\n"

    run(api, store, wanted=wanted)

    assert others == api.others()
    if not by_hand:
        assert_ensured(api, store, wanted)
    assert run(api, store, wanted=wanted).done == Done()


@settings(max_examples=300)
@given(
    hooks=existing(),
    wanted=WANTED,
    text=STORES.filter(lambda text: text != "word-h0-0\n"),
    lost=st.sets(st.integers(0, 30)),
    deaths=st.lists(st.integers(0, 8), max_size=3),
    remembers_keys=st.booleans(),
)
def test_whatever_is_lost_and_whoever_dies(
    hooks: list[dict[str, Any]],
    wanted: Wanted,
    text: str,
    lost: set[int],
    deaths: list[int],
    *,
    remembers_keys: bool,
) -> None:
    """Runs that lose answers and are killed, then one that is not: it ends as one run would."""
    api, store = WebhookApi(hooks, remembers_keys=remembers_keys), MemoryStore(text)
    others, seen = api.others(), 0

    for after in deaths:
        killer = Killer(after)

        def trouble(what: str, killer: Killer = killer) -> None:
            nonlocal seen
            killer.step(what)
            seen += 1
            if seen in lost:
                raise httpx.ReadTimeout("lost")

        api.trouble, store.trouble = trouble, killer.step
        with killed(), suppress(ApiError, NotReachedError):
            run(api, store, wanted=wanted)
    api.trouble = store.trouble = lambda _what: None

    run(api, store, wanted=wanted)

    assert others == api.others()
    assert_ensured(api, store, wanted)
