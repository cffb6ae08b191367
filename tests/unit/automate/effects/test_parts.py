"""States with many parts: each part is applied separately, and only once."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from videovector_bridge.api.errors import RateLimited
from videovector_bridge.automate.effects.parts import (
    PARTS_SECONDS,
    Part,
    PartsRefusedError,
    Progress,
    apply_parts,
    join_failures,
)
from videovector_bridge.automate.effects.record import ClaimHeldError, Parts, Record
from videovector_bridge.errors import BackendError, PermanentError, TransientError

Fate = Exception | None
REFUSED = PermanentError("no", owner="user", code="no")
BUSY = TransientError("busy")


class Work:
    """Parts with given outcomes of `apply`, and the applied and reported ones."""

    def __init__(self, *fates: Fate, then: Fate = None) -> None:
        self.fates = {str(number): fate for number, fate in enumerate(fates, 1)}
        self.then = then
        self.applied: list[str] = []
        self.reported: list[str] = []
        self.report_fails: Fate = None
        self.progress = Progress()
        self.clock: Callable[[], float] = lambda: 0.0

    def parts(self) -> Iterator[Part]:
        """The parts, and then the error of their list."""
        for key in self.fates:
            yield key, {"key": key}
        if self.then is not None:
            raise self.then

    def apply(self, desired: Mapping[str, Any]) -> None:
        """Apply one part."""
        key = desired["key"]
        self.applied.append(key)
        if fate := self.fates[key]:
            raise fate

    def report(self, error: PermanentError, key: str) -> None:
        """Report the refusal of one part."""
        if self.report_fails is not None:
            raise self.report_fails
        assert error is self.fates[key]
        self.reported.append(key)

    def run(self) -> Fate:
        """Apply all parts once. Returns the error that this raises."""
        self.applied.clear()
        try:
            apply_parts(self.parts(), self.apply, self.report, self.progress, clock=self.clock)
        except Exception as error:  # noqa: BLE001  # the outcome that a test looks at
            return error
        return None


def test_all_parts_are_applied_once() -> None:
    """Parts that are done are not repeated."""
    work = Work(None, None)

    assert (work.run(), work.applied) == (None, ["1", "2"])
    assert (work.run(), work.applied) == (None, [])


@pytest.mark.parametrize("fate", [BUSY, BackendError("down"), ValueError("a bug")])
def test_a_part_that_fails_stops_no_other(fate: Exception) -> None:
    """The error is raised after all parts, and the redelivery tries only that part again."""
    work = Work(None, fate, None)

    assert (work.run(), work.applied) == (fate, ["1", "2", "3"])
    work.fates["2"] = None
    assert (work.run(), work.applied) == (None, ["2"])


def test_a_refused_part_is_reported_by_itself() -> None:
    """Once; it is not tried again, and the state is refused in the end."""
    work = Work(None, REFUSED, None)

    for expected in (["1", "2", "3"], []):
        error = work.run()
        assert isinstance(error, PartsRefusedError)
        assert error.code == "parts_refused"
        assert work.applied == expected
    assert work.reported == ["2"]


def test_a_failure_and_a_refusal_are_both_handled() -> None:
    """The failure leads to a redelivery. The refusal is not reported again."""
    work = Work(REFUSED, BUSY)

    assert work.run() is BUSY
    work.fates["2"] = None
    assert isinstance(work.run(), PartsRefusedError)
    assert (work.applied, work.reported) == (["2"], ["1"])


def test_a_report_that_fails_is_tried_again() -> None:
    """The part stays open until its refusal is on `rejected`. The others are applied."""
    work = Work(REFUSED, None)
    work.report_fails = BUSY

    assert work.run() is BUSY
    assert work.applied == ["1", "2"]
    work.report_fails = None
    assert isinstance(work.run(), PartsRefusedError)
    assert (work.applied, work.reported) == (["1"], ["1"])


@pytest.mark.parametrize("fate", [BUSY, ValueError("a bug")])
def test_a_list_that_is_refused_half_way_forgets_no_failure(fate: Exception) -> None:
    """Failed parts before it are repeated first. Then the refusal counts."""
    work = Work(fate, None, then=REFUSED)

    assert work.run() is fate
    work.fates["1"] = None
    assert (work.run(), work.applied) == (REFUSED, ["1"])


def test_a_list_that_fails_half_way_is_continued() -> None:
    """Parts that were done before stay done."""
    work = Work(None, None, then=BUSY)

    assert work.run() is BUSY
    work.then = None
    assert (work.run(), work.applied) == (None, [])


def test_a_rate_limit_ends_the_attempt() -> None:
    """Later parts would be limited too."""
    limited = RateLimited("slow down")
    work = Work(None, limited, None)

    assert (work.run(), work.applied) == (limited, ["1", "2"])


def test_parts_that_take_too_long_are_continued_by_the_next_attempt() -> None:
    """An attempt ends before its claim does."""
    work = Work(None, None, None)
    times = iter([0.0, 0.0, PARTS_SECONDS, PARTS_SECONDS + 1])
    work.clock = lambda: next(times)

    assert isinstance(work.run(), TransientError)
    assert work.applied == ["1", "2"]
    work.clock = lambda: 0.0
    assert (work.run(), work.applied) == (None, ["3"])


def test_more_parts_than_fit_in_a_record_are_refused() -> None:
    """The parts that fit are done; a failed one among them is retried first."""
    work = Work(None, BUSY, None, None)
    work.progress = Progress(max_parts=2)

    assert work.run() is BUSY
    work.fates["2"] = None
    error = work.run()

    assert isinstance(error, PermanentError)
    assert error.code == "too_many_parts"


def test_progress_is_saved_on_the_way() -> None:
    """So after a crash only the parts of a few seconds are repeated."""
    saved: list[Parts] = []
    work = Work(None, REFUSED)

    def save() -> None:
        saved.append(work.progress.note_in(Record(None)).parts)

    work.progress = Progress(save=save, clock=lambda: 0.0)
    work.run()
    assert saved == []  # not after every part: each is a write

    times = iter(range(0, 100, 6))
    work.progress = Progress(save=save, save_seconds=5.0, clock=lambda: next(times))
    work.run()
    assert [(len(each.done), len(each.refused)) for each in saved] == [(1, 0), (1, 1)]


def test_progress_survives_its_record() -> None:
    """Keys of any length and alphabet, done or refused."""
    keys = ["a", "é" * 5_000, "\ud800", ""]
    progress = Progress()
    for key in keys:
        progress.note(key, done=key != "a")

    fields = progress.note_in(Record(None)).to_fields()
    again = Progress(Record.from_fields(fields).parts)

    assert all(again.has(key) for key in keys)
    assert not again.has("b")
    assert again.refused == 1
    assert all(len(digest) == 16 for digest in fields["parts_done"])


def test_the_worst_of_many_failures_is_raised() -> None:
    """A bug, so that it is visible; else a held claim, so that the response waits."""
    bug, claimed = ValueError("a bug"), ClaimHeldError("held")

    assert join_failures([BUSY], "parts") is BUSY
    assert join_failures([BUSY, bug, claimed], "parts") is bug
    both = join_failures([BUSY, claimed], "parts")
    assert isinstance(both, ClaimHeldError)
    assert str(both) == "2 parts failed. The first: busy"
    assert type(join_failures([BUSY, BUSY], "parts")) is TransientError
