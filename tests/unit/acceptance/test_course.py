"""The order of steps, which of them run, and how each ends."""

from typing import cast

import pytest

from tests.acceptance.bridge import Bridge, CheckFailedError
from tests.acceptance.cloud import Cloud, CloudError
from tests.acceptance.course import Course, Outcome, Result, Step, run_course
from tests.acceptance.courses import IN_EVERY_CLOUD, IN_THE_FAKE_CLOUD

# The steps of these tests do not use it.
NO_BRIDGE = cast("Bridge[Cloud]", None)


def first_apply(bridge: Bridge[Cloud]) -> str:
    """It applies.

    This is not in the table.
    """
    return "7 resources"


def break_something(bridge: Bridge[Cloud]) -> None:
    """It is refused."""
    raise CheckFailedError("the plan is not empty", "a topic is gone")


def ask_the_cloud(bridge: Bridge[Cloud]) -> None:
    """The cloud answers."""
    raise CloudError("gcloud ended with 1")


def end(bridge: Bridge[Cloud]) -> None:
    """It ends."""


def make_course(*steps: Step[Cloud]) -> Course[Cloud]:
    """Return a course with these steps."""
    return Course("life", "From start to end.", steps)


def run(course: Course[Cloud]) -> list[Result]:
    """Run a course, and check that it reports each result when it is there."""
    reported: list[Result] = []
    results = run_course(course, NO_BRIDGE, reported.append)
    assert reported == results
    return results


def test_a_step_reports_what_it_checked() -> None:
    """By name and first sentence of the docstring, with the words that it returns."""
    (result,) = run(make_course(Step(first_apply)))

    assert (result.step, result.checked) == ("first-apply", "It applies.")
    assert (result.outcome, result.detail) == (Outcome.OK, "7 resources")


def test_a_failed_step_has_its_failures_and_the_next_one_runs() -> None:
    """A cloud that fails is a failure of the step too."""
    results = run(make_course(Step(break_something), Step(ask_the_cloud), Step(end)))

    assert [result.outcome for result in results] == [Outcome.FAILED, Outcome.FAILED, Outcome.OK]
    assert results[0].failures == ("the plan is not empty", "a topic is gone")
    assert results[1].failures == ("gcloud ended with 1",)


def test_steps_after_a_failed_required_step_are_left_out() -> None:
    """Each says which step it needs."""
    results = run(make_course(Step(break_something, required=True), Step(first_apply), Step(end)))

    assert [result.outcome for result in results[1:]] == [Outcome.LEFT_OUT, Outcome.LEFT_OUT]
    assert results[2].detail == "it needs break-something, which did not succeed"


@pytest.mark.parametrize(
    ("chosen", "steps"),
    [
        ((), ["first-apply", "break-something", "end"]),
        (("life",), ["first-apply", "break-something", "end"]),
        (("end",), ["first-apply", "end"]),
        (("life/break-something",), ["first-apply", "break-something"]),
        (("other/end",), None),
        (("other",), None),
    ],
)
def test_a_chosen_step_brings_the_required_ones_before_it(
    chosen: tuple[str, ...], steps: list[str] | None
) -> None:
    """The course's name, and no name, choose everything."""
    course = make_course(Step(first_apply, required=True), Step(break_something), Step(end))

    selected = course.select(frozenset(chosen))

    assert (selected and [step.name for step in selected.steps]) == steps


def test_every_step_says_what_it_checks() -> None:
    """In one sentence, and no two steps of a course have the same name."""
    for course in (*IN_EVERY_CLOUD, *IN_THE_FAKE_CLOUD):
        names = [step.name for step in course.steps]
        assert len(set(names)) == len(names)
        for step in course.steps:
            assert step.checked.endswith("."), step.name
