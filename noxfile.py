"""`make test`: the tests on the Python of `.venv`, then on the other supported ones."""

import os
import shutil
import sys
from pathlib import Path

import nox

SUPPORTED = ("3.11", "3.13")  # the oldest, and the one that the functions are deployed on
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
LOCK = "tests/requirements.txt"
PARALLEL = ("-q", "-n", "3", "--dist", "worksteal", "--share-emulators")
# A thread that starts while another one installs its trace function dies there (docs/quirks.md).
LOSES_TRACED_THREADS = ("3.11",)
# What depends on the Python: not the whole stack, nor the searches through schedules and input of
# our own algorithms, which take most of the time.
OF_EACH_PYTHON = (
    "tests/unit",
    "tests/functions",
    "tests/cli",
    "tests/standin",
    "tests/local",
    "tests/docs",
    "tests/contract",
    "tests/faults",
    "--ignore=tests/faults/test_crashes.py",
)

nox.needs_version = ">=2026.4"
nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False  # a skipped Python is printed, in CI too
nox.options.stop_on_first_error = True

# pyenv's own commands work for the selected version only; its other versions are in these folders.
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
os.environ["PATH"] = os.pathsep.join(
    [os.environ["PATH"], *map(str, sorted(PYENV.glob("versions/3.*/bin")))]
)


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run all tests, or those that the arguments after `--` choose, on the Python of `.venv`."""
    # `make test-infra` runs tests/infra.
    chosen = session.posargs or ["--ignore=tests/infra", *_coverage_options(session, HERE)]
    session.run(sys.executable, "-m", "pytest", *PARALLEL, *chosen, env=_coverage_file(HERE))


@nox.session(python=[version for version in SUPPORTED if version != HERE])
def others(session: nox.Session) -> None:
    """Run the tests of each Python on the other supported ones."""
    session.install("--require-hashes", "-r", LOCK)
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    version = str(session.python)
    chosen = session.posargs or [*OF_EACH_PYTHON, *_coverage_options(session, version)]
    session.run("python", "-m", "pytest", *PARALLEL, *chosen, env=_coverage_file(version))


def _coverage_options(session: nox.Session, version: str) -> list[str]:
    """Return the options of pytest that measure coverage; none on a Python that cannot."""
    if version in LOSES_TRACED_THREADS:
        session.log(f"Coverage is not measured on Python {version}.")
        return []
    options = ["--cov", "--cov-report=term"]
    if shutil.which("gcloud") is None:
        session.warn("No gcloud: tests on emulators are skipped, so coverage has no minimum.")
        options.append("--cov-fail-under=0")
    return options


def _coverage_file(version: str) -> dict[str, str]:
    """Return the variable that keeps the data of sessions apart, which may run side by side."""
    return {"COVERAGE_FILE": f".coverage-{version}"}
