"""`make acceptance`: apply, change, break, upgrade and destroy the bridge with real Terraform.

The cloud is the fake one that FAKEGCP and REAL_TF_MIRROR name, or the Google Cloud project PROJECT,
which must have nothing else in it. Results are printed, and written to `build/acceptance.json`.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from tests.acceptance.courses import IN_EVERY_CLOUD, IN_THE_FAKE_CLOUD
from tests.acceptance.history import find_revision
from tests.acceptance.report import (
    Summary,
    describe_progress,
    list_failures,
    make_table,
    open_console,
    to_json,
)
from tests.acceptance.run import Assignment, Run
from tests.acceptance.settings import (
    HOW,
    LeaveOut,
    UseFake,
    UseGoogle,
    WrongSettings,
    read_settings,
)
from tests.support import ROOT

_BUILD = ROOT / "build"
_COURSES = (*IN_EVERY_CLOUD, *IN_THE_FAKE_CLOUD)
_NAMES = frozenset().union(
    *(course.list_names(step) for course in _COURSES for step in course.steps)
)


def main() -> int:
    """Run the chosen steps; return 0 success, 1 failure, 2 wrong settings, 130 Ctrl-C."""
    options = _parse_options()
    if options.list:
        _print_courses()
        return 0
    problems = [f"--only: there is no {name}" for name in options.only if name not in _NAMES]
    match read_settings(os.environ):
        case LeaveOut(reason) if not problems:
            print(f"Acceptance is left out: {reason}.\n{HOW}")
            return 0
        case WrongSettings(more):
            problems += more
        case UseFake() | UseGoogle() as settings if not problems:
            return _run(settings, options)
    lines = "".join(f"\n  {problem}" for problem in problems)
    print(f"make acceptance: wrong settings:{lines}\n{HOW}", file=sys.stderr)
    return 2


def _run(settings: UseFake | UseGoogle, options: argparse.Namespace) -> int:
    started = time.monotonic()
    folder = _BUILD / "acceptance" / time.strftime("%Y%m%d-%H%M%S")
    _delete_old(folder.parent, settings)
    folder.mkdir(parents=True)
    assignment = Assignment(
        settings=settings,
        folder=folder,
        names=frozenset(options.only),
        revision=find_revision(options.from_revision),
        jobs=options.jobs or (2 if isinstance(settings, UseFake) else 1),
    )
    console = open_console()
    run = Run(assignment, lambda result: console.print(describe_progress(result)))
    # A CI system ends a job with SIGTERM.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        results = run.run()
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        if commands := run.list_unfinished():
            print("Delete what is left with:", *commands, sep="\n  ", file=sys.stderr)
        return 130
    seconds = round(time.monotonic() - started, 1)
    summary = Summary(_describe(settings), seconds, tuple(results), tuple(run.left_out))
    content = json.dumps(to_json(summary), indent=1)
    (_BUILD / "acceptance.json").write_text(content, encoding="utf-8")
    console.print(make_table(summary))
    for line in (*summary.left_out, *list_failures(results)):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"{'ok' if summary.ok else 'FAILED'}, {seconds:.0f} s, logs in {folder}")
    return 0 if summary.ok else 1


def _describe(settings: UseFake | UseGoogle) -> str:
    if isinstance(settings, UseFake):
        return "the fake Google Cloud"
    return f"Google Cloud project {settings.project}, {settings.region}"


def _delete_old(folder: Path, settings: UseFake | UseGoogle) -> None:
    """Delete the logs of earlier runs; not in Google Cloud, where a state may still be needed."""
    if isinstance(settings, UseFake):
        shutil.rmtree(folder, ignore_errors=True)


def _print_courses() -> None:
    for course in _COURSES:
        print(f"{course.name}: {course.purpose}")
        for step in course.steps:
            print(f"  {step.name:<28} {step.checked}")


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make acceptance", description=__doc__)
    parser.add_argument("--list", action="store_true", help="list courses and steps")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="a course, a step, or COURSE/STEP; may be repeated",
    )
    parser.add_argument(
        "--from", dest="from_revision", metavar="REVISION", help="the version to upgrade from"
    )
    parser.add_argument("--jobs", type=int, help="courses side by side (fake: 2, Google: 1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
