"""`cli.webhook.webhook_spec`: which webhooks are the bridge's, drift, plans, and options."""

from typing import Any

import pytest

from tests.support.webhook_api import EVENTS, URL
from videovector_bridge.api.bridge_webhooks import find_bridge_name
from videovector_bridge.api.models import Webhook
from videovector_bridge.cli.webhook.webhook_spec import (
    Plan,
    WebhookSpec,
    check_options,
    find_drift,
    make_plan,
    split_words,
)

MARK = {"managed_by": "videovector-bridge", "name": "default"}
SPEC = WebhookSpec("default", URL, EVENTS)


def hook(webhook_id: str = "w1", **fields: Any) -> Webhook:
    """Return a webhook; by default the bridge's, and as specified."""
    plain = {"name": "videovector-bridge:default", "url": URL, "events": EVENTS, "metadata": MARK}
    return Webhook(webhook_id, **{**plain, **fields})


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "default"),
        ({"name": "renamed"}, "default"),
        ({"metadata": None}, "default"),
        ({"metadata": {}}, "default"),
        ({"metadata": None, "name": "videovector-bridge:other"}, "other"),
        ({"metadata": None, "name": "videovector-bridge"}, None),
        ({"metadata": None, "name": "videovector-bridge: a b"}, None),
        ({"metadata": None, "name": "my videovector-bridge:default"}, None),
        ({"metadata": {"managed_by": "terraform", "name": "default"}}, None),
        ({"metadata": {"name": "default"}}, None),
        ({"metadata": MARK | {"name": 5}}, None),
        ({"metadata": MARK | {"more": "theirs"}}, "default"),
    ],
)
def test_the_mark_or_the_name_identifies_a_webhook(
    fields: dict[str, Any], name: str | None
) -> None:
    """The mark in the metadata decides; the name decides only without any metadata."""
    assert name == find_bridge_name(hook(**fields))


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, {}),
        ({"events": EVENTS[::-1]}, {}),
        ({"index_ids": ()}, {}),
        ({"url": URL.replace("https://receiver", "https://RECEIVER")}, {}),
        ({"url": URL.replace(".test/", ".test:443/")}, {}),
        ({"name": "x"}, {"name": "videovector-bridge:default"}),
        ({"url": URL + "/"}, {"url": URL}),
        ({"url": "http://[broken"}, {"url": URL}),
        ({"events": EVENTS[:1]}, {"events": list(EVENTS)}),
        ({"index_ids": ("i",)}, {"index_ids": None}),
        ({"status": "paused"}, {"status": "active"}),
        ({"status": "disabled"}, {"status": "active"}),
        (
            {"status": "paused", "name": ""},
            {"status": "active", "name": "videovector-bridge:default"},
        ),
    ],
)
def test_only_fields_that_differ_are_patched(
    fields: dict[str, Any], changes: dict[str, Any]
) -> None:
    """The patch has the specified value of each field whose meaning differs."""
    assert changes == find_drift(hook(**fields), SPEC)


def test_indexes_are_compared_as_sets() -> None:
    """Some indexes instead of all is drift; another order is not."""
    spec = WebhookSpec("default", URL, EVENTS, ("a", "b"))

    assert find_drift(hook(), spec) == {"index_ids": ["a", "b"]}
    assert find_drift(hook(index_ids=("b", "a")), spec) == {}


def test_a_url_without_a_path_equals_one_with_a_slash() -> None:
    """Servers write either form."""
    assert (
        find_drift(hook(url="https://r.test/"), WebhookSpec("default", "https://r.test", EVENTS))
        == {}
    )


def test_the_plan_leads_to_one_webhook() -> None:
    """None: create it. One: patch its drift. Several: the others are surplus."""
    theirs = hook("t", metadata={"managed_by": "x"})
    old, new = hook("b", created_at="2026-01-01"), hook("a", created_at="2026-01-02")
    paused = hook("c", created_at="2025-01-01", status="paused")

    assert Plan(None) == make_plan([theirs, hook("o", metadata=MARK | {"name": "x"})], SPEC)
    assert Plan(old) == make_plan([theirs, old], SPEC)
    assert Plan(old, {}, (new, paused)) == make_plan([paused, new, theirs, old], SPEC)
    assert Plan(new, {}, (old, paused)) == make_plan([paused, new, old], SPEC, preferred_id="a")
    assert Plan(paused, {"status": "active"}, (old,)) == make_plan([old, paused], SPEC, "c")
    assert make_plan([old], SPEC).is_empty
    assert not make_plan([], SPEC).is_empty
    assert not make_plan([paused], SPEC).is_empty
    assert not make_plan([old, new], SPEC).is_empty


@pytest.mark.parametrize(
    ("name", "url", "count"),
    [
        ("default", URL, 0),
        ("a.B-9_", "https://r.test:8443/x?token=1", 0),
        ("default", "http://127.0.0.1:8080/x", 0),
        ("default", "http://localhost/x", 0),
        ("default", "http://r.test/x", 1),
        ("default", "ftp://r.test/x", 1),
        ("default", "https://user:pw@r.test/x", 1),  # pragma: allowlist secret
        ("default", "https://r.test:port/x", 1),
        ("default", "r.test", 1),
        ("", "", 2),
        ("a" * 64, URL, 1),
        ("a b", URL, 1),
        ("a:b", URL, 1),
    ],
)
def test_wrong_options_are_reported(name: str, url: str, count: int) -> None:
    """One sentence for each wrong option; a password in it is not repeated."""
    problems = check_options(name, url)

    assert count == len(problems)
    assert "pw" not in "".join(problems)


def test_words_are_repeated_or_separated_by_commas() -> None:
    """Both forms mix; spaces, empty words and duplicates are dropped."""
    assert split_words(["a, b", "c", "", "b,"]) == ("a", "b", "c")
