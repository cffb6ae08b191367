"""`cli.desired_webhook`: what is ours, what has drifted, and what is done about it."""

from typing import Any

import pytest

from tests.support.webhook_api import EVENTS, URL
from videovector_bridge.api import Webhook
from videovector_bridge.cli.webhook.webhook_spec import (
    Plan,
    Wanted,
    drift,
    our_name,
    plan,
    problems_of,
    words_of,
)

MARK = {"managed_by": "videovector-bridge", "name": "default"}
WANTED = Wanted("default", URL, EVENTS)


def hook(webhook_id: str = "w1", **fields: Any) -> Webhook:
    """A webhook; by default ours, and as wanted."""
    plain = {"name": "videovector-bridge:default", "url": URL, "events": EVENTS, "metadata": MARK}
    return Webhook(webhook_id, **{**plain, **fields})


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "default"),
        ({"name": "renamed by somebody"}, "default"),
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
def test_ours_by_its_mark_or_else_its_name(fields: dict[str, Any], name: str | None) -> None:
    """The mark in the metadata decides; the name only where there is no metadata at all."""
    assert name == our_name(hook(**fields))


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
def test_only_what_drifted_is_patched(fields: dict[str, Any], changes: dict[str, Any]) -> None:
    """The patch holds the wanted value of each field that means something else now."""
    assert changes == drift(hook(**fields), WANTED)


def test_indexes_are_compared_as_sets() -> None:
    """Some indexes instead of all is drift; another order of them is not."""
    wanted = Wanted("default", URL, EVENTS, ("a", "b"))

    assert drift(hook(), wanted) == {"index_ids": ["a", "b"]}
    assert drift(hook(index_ids=("b", "a")), wanted) == {}


def test_an_address_without_a_path_is_the_same_with_a_slash() -> None:
    """Servers write the one for the other."""
    assert drift(hook(url="https://r.test/"), Wanted("default", "https://r.test", EVENTS)) == {}


def test_the_plans() -> None:
    """None of ours: create. One: its drift. Several: keep one, the others are surplus."""
    theirs = hook("t", metadata={"managed_by": "x"})
    old, new = hook("b", created_at="2026-01-01"), hook("a", created_at="2026-01-02")
    paused = hook("c", created_at="2025-01-01", status="paused")

    assert Plan(None) == plan([theirs, hook("o", metadata=MARK | {"name": "x"})], WANTED)
    assert Plan(old) == plan([theirs, old], WANTED)
    assert Plan(old, {}, (new, paused)) == plan([paused, new, theirs, old], WANTED)
    assert Plan(new, {}, (old, paused)) == plan([paused, new, old], WANTED, preferred_id="a")
    assert Plan(paused, {"status": "active"}, (old,)) == plan([old, paused], WANTED, "c")
    assert plan([old], WANTED).done
    assert not plan([], WANTED).done
    assert not plan([paused], WANTED).done
    assert not plan([old, new], WANTED).done


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
def test_wrong_wishes_are_named(name: str, url: str, count: int) -> None:
    """Each wrong option is a sentence; a password in it is not repeated."""
    problems = problems_of(name, url)

    assert count == len(problems)
    assert "pw" not in "".join(problems)


def test_words_by_commas_or_repeated() -> None:
    """Both forms mix; blanks, empty words and repeats are dropped."""
    assert words_of(["a, b", "c", "", "b,"]) == ("a", "b", "c")
