"""Lookups of many threads share calls, and each key has its own outcome."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.patience import until
from videovector_bridge.api.errors import NotFound, ResponseTooLarge, ServerTrouble
from videovector_bridge.automate.actions.batch_loader import BatchLoader
from videovector_bridge.errors import PermanentError, TransientError

LONG = 30.0  # longer than any test: only a batch that is full ends its lingering
Fetch = Callable[[Sequence[str]], Mapping[str, Any]]


class Api:
    """Returns the keys as values, records the calls, and refuses calls with a refused key."""

    def __init__(self, refuses: Iterable[str] = (), most: int = 1_000) -> None:
        self.calls: list[list[str]] = []
        self._refuses = set(refuses)
        self._most = most

    def fetch(self, keys: Sequence[str]) -> dict[str, str]:
        """Know all keys but `none`."""
        self.calls.append(list(keys))
        if refused := self._refuses & set(keys):
            raise NotFound(f"no {min(refused)}", status=404)
        if len(keys) > self._most:
            raise ResponseTooLarge("too many rows", status=200)
        return {key: f"<{key}>" for key in keys if key != "none"}


def loader(
    fetch: Fetch, keys: int, *, linger_seconds: float = LONG, **options: Any
) -> BatchLoader[Any]:
    """A loader for batches of `keys` keys."""
    options = {"wait_seconds": LONG, **options}
    return BatchLoader(fetch, max_keys=keys, linger_seconds=linger_seconds, **options)


def load_all(fetch: Fetch, keys: Sequence[str], **options: Any) -> list[Any]:
    """Load keys as one batch, each in its own thread. Returns values and errors."""
    batch = loader(fetch, len(set(keys)), **options)

    def outcome(key: str) -> Any:
        try:
            return batch.load(key)
        except Exception as error:  # noqa: BLE001  # it is what the test looks at
            return error

    with ThreadPoolExecutor(len(keys)) as pool:
        return list(pool.map(outcome, keys))


def names(count: int) -> list[str]:
    """So many keys."""
    return [f"k{number}" for number in range(count)]


def test_a_lookup_alone_is_a_call() -> None:
    """A key that the result does not have is None."""
    api = Api()
    batch = loader(api.fetch, 5, linger_seconds=0)

    assert batch.load("a") == "<a>"
    assert batch.load("none") is None
    assert api.calls == [["a"], ["none"]]


def test_many_at_once_share_calls() -> None:
    """Up to the limit of a call, and each key once."""
    api = Api()
    batch = loader(api.fetch, 4)

    with ThreadPoolExecutor(16) as pool:
        values = list(pool.map(batch.load, names(8)))

    assert values == [f"<{key}>" for key in names(8)]
    assert [len(call) for call in api.calls] == [4, 4]


def test_no_value_is_older_than_its_request() -> None:
    """A key that is loaded during a call is looked up by the next call."""
    calls: list[list[str]] = []
    began, proceed = threading.Event(), threading.Event()

    def fetch(keys: Sequence[str]) -> dict[str, int]:
        calls.append(list(keys))
        number = len(calls)
        began.set()
        if number == 1:
            proceed.wait(LONG)
        return dict.fromkeys(keys, number)

    batch = loader(fetch, 1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(batch.load, "a")
        began.wait(LONG)
        second = batch.load("a")
        proceed.set()

        assert (first.result(), second) == (1, 2)


def test_a_refused_key_is_refused_alone() -> None:
    """The others of its batch have their values, in few calls."""
    api = Api(refuses=["k5"])

    outcomes = load_all(api.fetch, [*names(8), "none"])

    refused = outcomes.pop(5)
    assert isinstance(refused, NotFound)
    assert (str(refused), refused.code, refused.status) == ("no k5", "not_found", 404)
    assert outcomes == [f"<{key}>" for key in names(8) if key != "k5"] + [None]
    assert ["k5"] in api.calls
    assert len(api.calls) <= 9  # 1 + 2 for each halving


def test_each_refused_key_has_its_own_error() -> None:
    """Even if one call was refused for both."""
    first, second = load_all(Api(refuses=["k0", "k1"]).fetch, names(2))

    assert (str(first), str(second)) == ("no k0", "no k1")


def test_a_result_that_is_too_large_is_requested_in_parts() -> None:
    """Only a key whose own result is too large has that error."""
    assert load_all(Api(most=2).fetch, names(7)) == [f"<{key}>" for key in names(7)]
    (alone,) = load_all(Api(most=0).fetch, ["a"])
    assert isinstance(alone, ResponseTooLarge)
    assert (alone.owner, alone.code) == ("vendor", "answer_too_large")


@pytest.mark.parametrize(
    "error",
    [
        ServerTrouble("503", status=503, retry_after=3.0),
        PermanentError("no", owner="user", code="x"),
    ],
)
def test_callers_of_one_key_have_errors_of_their_own(error: Exception) -> None:
    """The errors are equal, but each caller has its own copy."""

    def fetch(_: Sequence[str]) -> dict[str, str]:
        raise error

    batch = loader(fetch, 2)
    with ThreadPoolExecutor(3) as pool:
        errors = [pool.submit(batch.load, key) for key in ("a", "a", "b")]
        raised = [each.exception() for each in errors]

    assert len({id(each) for each in [*raised, error]}) == 4
    for each in raised:
        assert type(each) is type(error)
        assert (str(each), each.__dict__) == (str(error), error.__dict__)
        assert each.__cause__ is error


@pytest.mark.parametrize("error", [TransientError("later"), ValueError("a bug"), TimeoutError("x")])
def test_what_may_pass_is_not_split(error: Exception) -> None:
    """All callers of a failed call get its error, and the next call is a new one."""
    calls: list[int] = []

    def fetch(keys: Sequence[str]) -> dict[str, str]:
        calls.append(len(keys))
        if len(calls) == 1:
            raise error
        return dict.fromkeys(keys, "fine")

    batch = loader(fetch, 2)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(batch.load, key) for key in "ab"]
        assert [(type(each.exception()), str(each.exception())) for each in both] == [
            (type(error), str(error))
        ] * 2
        again = [pool.submit(batch.load, key) for key in "ab"]
        assert [each.result() for each in again] == ["fine", "fine"]
    assert calls == [2, 2]


def test_a_part_of_a_split_that_fails_decides_for_its_own_keys() -> None:
    """The other half has its values."""
    calls: list[Sequence[str]] = []

    def fetch(keys: Sequence[str]) -> dict[str, str]:
        calls.append(keys)
        if len(calls) == 1:
            raise PermanentError("one of them", owner="user", code="x")
        if len(calls) == 2:
            raise TransientError("just now")
        return dict.fromkeys(keys, "fine")

    outcomes = dict(zip(names(4), load_all(fetch, names(4)), strict=True))

    assert [len(call) for call in calls] == [4, 2, 2]
    assert [str(outcomes[key]) for key in calls[1]] == ["just now"] * 2
    assert [outcomes[key] for key in calls[2]] == ["fine"] * 2


@settings(max_examples=30)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 12))
def test_any_mixture_of_keys(refused: list[bool], most: int) -> None:
    """Each key has the outcome that it has alone, in any batch."""
    keys = names(len(refused))
    api = Api([key for key, no in zip(keys, refused, strict=True) if no], most)

    outcomes = load_all(api.fetch, keys)

    shown = [str(each) for each in outcomes]
    alone = [f"no {key}" if no else f"<{key}>" for key, no in zip(keys, refused, strict=True)]
    assert shown == alone
    assert len(api.calls) < 2 * len(keys)


def test_others_do_not_wait_for_a_split() -> None:
    """A caller that arrives while a refused batch is split starts another batch."""
    splitting, proceed = threading.Event(), threading.Event()

    def fetch(keys: Sequence[str]) -> dict[str, str]:
        if {"a", "b"} == set(keys):
            raise PermanentError("not both", owner="user", code="x")
        if {"a", "b"} & set(keys):
            splitting.set()
            assert proceed.wait(LONG)
        return dict.fromkeys(keys, "fine")

    batch = loader(fetch, 2)
    with ThreadPoolExecutor(4) as pool:
        first = [pool.submit(batch.load, key) for key in "ab"]
        assert splitting.wait(LONG)
        others = [pool.submit(batch.load, key) for key in "cd"]
        assert [each.result(LONG) for each in others] == ["fine", "fine"]
        assert not any(each.done() for each in first)
        proceed.set()
        assert [each.result(LONG) for each in first] == ["fine", "fine"]


def test_a_split_ends_in_time() -> None:
    """A key without an outcome at the deadline gets a transient error."""
    api, now = Api(refuses=names(8)), [0.0]

    def fetch(keys: Sequence[str]) -> dict[str, str]:
        now[0] += 10.0
        return api.fetch(keys)

    outcomes = load_all(fetch, names(8), wait_seconds=25.0, clock=lambda: now[0])

    assert [len(call) for call in api.calls] == [8, 4, 4]
    assert [type(each) for each in outcomes] == [TransientError] * 8
    assert "within 25 s" in str(outcomes[0])


def test_no_caller_waits_longer_for_a_call_that_hangs() -> None:
    """Callers that did not make the call do not repeat it."""
    began, proceed = threading.Event(), threading.Event()

    def fetch(keys: Sequence[str]) -> dict[str, str]:
        began.set()
        assert proceed.wait(LONG)
        return dict.fromkeys(keys, "fine")

    batch = loader(fetch, 3, wait_seconds=0.1)
    with ThreadPoolExecutor(3) as pool:
        all_three = [pool.submit(batch.load, key) for key in "abc"]
        assert began.wait(LONG)
        late = list(islice(as_completed(all_three, LONG), 2))
        proceed.set()

    assert [type(each.exception()) for each in late] == [TransientError] * 2
    assert [each.exception() for each in all_three].count(None) == 1


def test_no_caller_waits_for_a_leader_that_was_stopped() -> None:
    """An error that stops a thread stops only that thread. The others get a transient error."""

    def fetch(_: Sequence[str]) -> dict[str, str]:
        raise SystemExit

    batch = loader(fetch, 3, wait_seconds=3 * LONG)
    with ThreadPoolExecutor(3) as pool:
        outcomes = [pool.submit(batch.load, key).exception for key in "abc"]
        errors = sorted(type(each(LONG)).__name__ for each in outcomes)

    assert errors == ["SystemExit", "TransientError", "TransientError"]


def test_keys_join_a_batch_until_its_turn() -> None:
    """While one call is made, all that arrive share the next one."""
    api = Api()
    turn, waiting = threading.Lock(), threading.Semaphore(0)

    @contextmanager
    def take_turn() -> Iterator[None]:
        waiting.release()
        with turn:
            yield

    batch = loader(api.fetch, 50, linger_seconds=0, turn=take_turn)
    with turn, ThreadPoolExecutor(3) as pool:
        values = [pool.submit(batch.load, "a")]
        assert waiting.acquire(timeout=LONG)
        values += [pool.submit(batch.load, key) for key in "bc"]
        assert until(lambda: len(batch._open.outcomes if batch._open else ()) == 3)
        turn.release()
        assert [each.result(LONG) for each in values] == ["<a>", "<b>", "<c>"]
        turn.acquire()

    assert [sorted(call) for call in api.calls] == [["a", "b", "c"]]


def test_a_turn_that_does_not_come_is_the_outcome_of_the_batch() -> None:
    """The callers have its error, and the next batch is a new one."""
    errors = [TransientError("no turn")]

    @contextmanager
    def take_turn() -> Iterator[None]:
        if errors:
            raise errors.pop()
        yield

    api = Api()
    batch = loader(api.fetch, 5, linger_seconds=0, turn=take_turn)
    with pytest.raises(TransientError, match="no turn"):
        batch.load("a")

    assert batch.load("a") == "<a>"
    assert api.calls == [["a"]]
