"""Runs courses side by side, each in a cloud and a folder of its own."""

import secrets
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

from tests.acceptance.bridge import Bridge, C, check
from tests.acceptance.cloud import Cloud
from tests.acceptance.course import Course, Outcome, Result, measure, run_course
from tests.acceptance.courses import IN_EVERY_CLOUD, IN_THE_FAKE_CLOUD, UPGRADE
from tests.acceptance.fake import FakeCloud, load_fake
from tests.acceptance.google import GoogleCloud
from tests.acceptance.history import NoRevision, Revision, extract
from tests.acceptance.processes import Processes
from tests.acceptance.settings import UseFake, UseGoogle
from tests.support import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What to run: names of courses and steps (none: all), and the revision to upgrade from."""

    settings: UseFake | UseGoogle
    folder: Path
    names: frozenset[str]
    revision: Revision | NoRevision
    jobs: int


class Run:
    """One acceptance run. `report` is called with each result, from the threads of the courses."""

    def __init__(self, assignment: Assignment, report: Callable[[Result], None]) -> None:
        self._assignment, self._report = assignment, report
        self._processes = Processes()
        self._bridges: list[Bridge[Cloud]] = []
        self.left_out: list[str] = []

    def run(self) -> list[Result]:
        """Run everything that is chosen; the results of a course are together.

        On KeyboardInterrupt it interrupts Terraform and waits for it; on a second one it kills.
        """
        pool = ThreadPoolExecutor(self._assignment.jobs)
        futures: list[Future[list[Result]]] = [pool.submit(job) for job in self._list_jobs()]
        try:
            # An exception is a bug of this program: it ends the other courses too.
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            return [result for future in futures for result in future.result()]
        except KeyboardInterrupt:
            self._processes.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            wait(futures)
            raise
        finally:
            # Nothing runs any more, unless there is an exception.
            self._processes.kill()
            pool.shutdown(cancel_futures=True)

    def list_unfinished(self) -> list[str]:
        """Return the commands that delete what a stopped run left in Google Cloud."""
        commands = []
        for bridge in self._bridges:
            own = bridge.cloud.cleanup_commands
            if own and bridge.state.list_cloud_resources():
                commands.append(bridge.workspace.destroy_command)
            commands += own
        return commands

    def _list_jobs(self) -> list[Callable[[], list[Result]]]:
        settings, revision = self._assignment.settings, self._assignment.revision
        everywhere = self._select(IN_EVERY_CLOUD)
        if isinstance(revision, NoRevision) and any(
            each.name == UPGRADE.name for each in everywhere
        ):
            everywhere = [course for course in everywhere if course.name != UPGRADE.name]
            self.left_out.append(f"{UPGRADE.name}: {revision.reason}")
        fake_only = self._select(IN_THE_FAKE_CLOUD)
        if isinstance(settings, UseGoogle):
            self.left_out += [
                f"{course.name}: only a fake cloud can do this" for course in fake_only
            ]
            return [partial(self._drive_google, course, settings) for course in everywhere]
        # A course for every cloud runs in the fake cloud too.
        chosen: list[Course[FakeCloud]] = [*everywhere, *fake_only]
        module = load_fake(settings.folder)
        return [partial(self._drive_fake, course, module, settings.mirror) for course in chosen]

    def _select(self, courses: tuple[Course[C], ...]) -> list[Course[C]]:
        selected = (course.select(self._assignment.names) for course in courses)
        return [course for course in selected if course is not None]

    def _drive_fake(
        self, course: Course[FakeCloud], module: ModuleType, mirror: Path
    ) -> list[Result]:
        return self._drive(course, lambda: FakeCloud(module, mirror, course.fake_options))

    def _drive_google(self, course: Course[Cloud], settings: UseGoogle) -> list[Result]:
        # A deleted database keeps its name for minutes, so each run has names of its own.
        prefix = f"a{secrets.token_hex(3)}-"
        return self._drive(course, lambda: GoogleCloud(settings, prefix, self._processes))

    def _drive(self, course: Course[C], open_cloud: Callable[[], C]) -> list[Result]:
        opened: list[Bridge[C]] = []
        prepared = measure(
            course.name,
            "prepare",
            "The project and a copy of the sources are ready.",
            lambda: opened.append(self._open(course, open_cloud())),
        )
        if not opened:
            self._report(prepared)
            return [prepared]
        (bridge,) = opened
        self._bridges.append(bridge)
        results = run_course(course, bridge, self._report)
        ended = measure(
            course.name, "clean-up", "Nothing of the run is left.", partial(clean_up, bridge)
        )
        if ended.outcome is Outcome.FAILED:
            self._report(ended)
            results.append(ended)
        return results

    def _open(self, course: Course[C], cloud: C) -> Bridge[C]:
        folder, revision = self._assignment.folder / course.name, self._assignment.revision
        sources = ROOT
        if course.name == UPGRADE.name and isinstance(revision, Revision):
            sources = extract(revision, folder / "older")
        return Bridge(
            cloud, self._processes, folder=folder, sources=sources, variables=course.variables
        )


def clean_up(bridge: Bridge[Cloud]) -> None:
    """Delete what a course left in Google Cloud; a fake cloud ends as it is."""
    if bridge.cloud.cleanup_commands:
        if bridge.state.list_cloud_resources():
            bridge.set(deletion_protection=False)
            bridge.workspace.apply(bridge.variables)
            check(bridge.workspace.destroy(bridge.variables).errors)
        check(bridge.cloud.find_remains())
    bridge.cloud.close()
