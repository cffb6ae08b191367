"""Steps in order on one deployment, and their results."""

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any, Generic, TypeVar

from tests.acceptance.bridge import Bridge, C, CheckFailedError
from tests.acceptance.cloud import Cloud, CloudError, Variables

C_contra = TypeVar("C_contra", bound=Cloud, contravariant=True)


class Outcome(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Result:
    """The end of a step. `detail` is a few words, `failures` are sentences."""

    course: str
    step: str
    checked: str
    outcome: Outcome
    seconds: float = 0.0
    detail: str = ""
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step(Generic[C_contra]):
    """A named step. The steps after a `required` one need it: they are left out if it fails."""

    run: Callable[[Bridge[C_contra]], str | None]
    required: bool = False

    @property
    def name(self) -> str:
        """The name for `--only` and in the table."""
        return self.run.__name__.replace("_", "-")

    @property
    def checked(self) -> str:
        """What the step checks: the first sentence of its docstring."""
        return (inspect.getdoc(self.run) or "").split("\n\n")[0].replace("\n", " ")


@dataclass(frozen=True, slots=True)
class Course(Generic[C_contra]):
    """Steps on one deployment, in a project of its own where the cloud is a fake one.

    `variables` are those of the first apply, `fake_options` how the fake cloud behaves.
    """

    name: str
    purpose: str
    steps: Sequence[Step[C_contra]]
    variables: Variables = field(default_factory=dict)
    fake_options: Mapping[str, Any] = field(default_factory=dict)

    def list_names(self, step: "Step[C_contra]") -> frozenset[str]:
        """Return the names that select a step: its own, with the course's, and the course's."""
        return frozenset({step.name, f"{self.name}/{step.name}", self.name})

    def select(self, chosen: frozenset[str]) -> "Course[C_contra] | None":
        """Return the course with the chosen steps and those that they need; None without any.

        No names choose everything.
        """
        if not chosen:
            return self
        indexes = [index for index, step in enumerate(self.steps) if chosen & self.list_names(step)]
        if not indexes:
            return None
        steps = [
            step
            for index, step in enumerate(self.steps)
            if index in indexes or (step.required and index < indexes[-1])
        ]
        return replace(self, steps=steps)


def run_course(
    course: Course[C], bridge: Bridge[C], report: Callable[[Result], None]
) -> list[Result]:
    """Run the steps; report each result when it is there."""
    results: list[Result] = []
    missing = ""
    for step in course.steps:
        if missing:
            reason = f"it needs {missing}, which did not succeed"
            result = Result(course.name, step.name, step.checked, Outcome.LEFT_OUT, detail=reason)
        else:
            result = measure(course.name, step.name, step.checked, partial(step.run, bridge))
            if step.required and result.outcome is not Outcome.OK:
                missing = step.name
        report(result)
        results.append(result)
    return results


def measure(course: str, step: str, checked: str, action: Callable[[], str | None]) -> Result:
    """Run an action, and return how it ended. Its value is the detail of the result."""
    started = time.monotonic()
    detail, outcome = "", Outcome.OK
    failures: tuple[str, ...] = ()
    try:
        detail = action() or ""
    except CheckFailedError as error:
        outcome, failures = Outcome.FAILED, error.failures
    except CloudError as error:
        outcome, failures = Outcome.FAILED, (str(error),)
    seconds = round(time.monotonic() - started, 1)
    return Result(course, step, checked, outcome, seconds, detail, failures)
