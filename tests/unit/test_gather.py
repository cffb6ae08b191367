"""Lookups of many threads: how few calls they take, and that none is answered from before."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from videovector_bridge.automate.gather import Gatherer

LONG = 30.0  # longer than any test: only a batch that is full ends its waiting


class Api:
    """Answers with what was asked, and keeps the calls."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def fetch(self, keys: Sequence[str]) -> dict[str, str]:
        """Know all keys but `none`."""
        self.calls.append(list(keys))
        return {key: f"<{key}>" for key in keys if key != "none"}


def test_a_lookup_alone_is_a_call() -> None:
    """And a key that the answer does not hold is None."""
    api = Api()
    gatherer = Gatherer(api.fetch, most=5, linger_seconds=0)

    assert gatherer.get("a") == "<a>"
    assert gatherer.get("none") is None
    assert api.calls == [["a"], ["none"]]


def test_many_at_once_share_calls() -> None:
    """As many as a call takes; the same key once."""
    api = Api()
    gatherer = Gatherer(api.fetch, most=4, linger_seconds=LONG)
    keys = [f"k{number}" for number in range(8)]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(gatherer.get, [*keys[:4], *keys[4:]]))

    assert found == [f"<{key}>" for key in keys]
    assert [len(call) for call in api.calls] == [4, 4]


def test_nothing_is_answered_from_before() -> None:
    """A key that is asked for while a call is under way is looked up by the next."""
    calls: list[list[str]] = []
    began, go_on = threading.Event(), threading.Event()

    def fetch(keys: Sequence[str]) -> dict[str, int]:
        calls.append(list(keys))
        number = len(calls)
        began.set()
        if number == 1:
            go_on.wait(LONG)
        return dict.fromkeys(keys, number)

    gatherer = Gatherer(fetch, most=1, linger_seconds=0)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(gatherer.get, "a")
        began.wait(LONG)
        second = gatherer.get("a")
        go_on.set()

        assert (first.result(), second) == (1, 2)


def test_all_hear_of_a_failure() -> None:
    """Whoever asked gets the error of the call, and the next call is a new one."""
    failures = [ValueError("no answer")]

    def fetch(keys: Sequence[str]) -> dict[str, str]:
        if failures:
            raise failures.pop()
        return dict.fromkeys(keys, "fine")

    gatherer = Gatherer(fetch, most=2, linger_seconds=LONG)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(gatherer.get, key) for key in "ab"]
        for each in both:
            with pytest.raises(ValueError, match="no answer"):
                each.result()
        again = [pool.submit(gatherer.get, key) for key in "ab"]
        assert [each.result() for each in again] == ["fine", "fine"]
