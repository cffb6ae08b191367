"""`make test`: everything on the Python of `.venv`, and once more on the deployed one.

The functions are deployed on python313 and supported from 3.11 on. Where the other of the two is
installed, the tests that need no whole stack run on it too, in a virtual environment of its own.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEPLOYED = (3, 13)
OLDEST = (3, 11)
_AT_ONCE = ("-q", "-n", "3", "--dist", "worksteal", "--ignore=tests/infra")  # `make test-infra`
ON_THE_OTHER = (
    "tests/unit",
    "tests/functions",
    "tests/cli",
    "tests/docs",
    "tests/properties",
    "tests/contract",
    "tests/local",
    "tests/faults",
)


def main() -> int:
    """Run pytest on each Python; arguments go to pytest. Exit status of the first failure."""
    arguments = sys.argv[1:]
    here = sys.version_info[:2]
    print(f"== All tests on Python {_dotted(here)}", flush=True)
    failed = _pytest(Path(sys.executable), arguments)
    if failed:
        return failed
    other = DEPLOYED if here != DEPLOYED else OLDEST
    interpreter = _find(other)
    if interpreter is None:
        print(f"== Not tested on Python {_dotted(other)}: it is not installed here.")
        return 0
    print(f"== {', '.join(ON_THE_OTHER)} on Python {_dotted(other)}", flush=True)
    return _pytest(_environment(interpreter, other), [*ON_THE_OTHER, *arguments])


def _pytest(python: Path, arguments: list[str]) -> int:
    started = time.monotonic()
    code = subprocess.call([str(python), "-m", "pytest", *_AT_ONCE, *arguments], cwd=ROOT)
    print(f"== {time.monotonic() - started:.0f} s", flush=True)
    return code


def _find(version: tuple[int, int]) -> Path | None:
    """An interpreter of that version that works, on the PATH or under pyenv."""
    name = f"python{_dotted(version)}"
    roots = [os.environ.get("PYENV_ROOT"), str(Path.home() / ".pyenv")]
    candidates = [shutil.which(name)]
    for root in filter(None, roots):
        found = sorted(Path(root).glob(f"versions/{_dotted(version)}*/bin/{name}"))
        candidates += [str(each) for each in found]
    for candidate in filter(None, candidates):
        # A shim of pyenv may be there and yet not work.
        if subprocess.call([candidate, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return Path(candidate)
    return None


def _environment(interpreter: Path, version: tuple[int, int]) -> Path:
    """The virtual environment of that version, installed from the lock when that has changed."""
    folder = ROOT / f".venv-{_dotted(version)}"
    python, done = folder / "bin" / "python", folder / "dev.done"
    lock = ROOT / "tests" / "requirements.txt"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        print(f"Installing into {folder.name}...", flush=True)
        subprocess.check_call([str(interpreter), "-m", "venv", str(folder)])
        install = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        subprocess.check_call([str(python), "-m", "pip", *install, "-r", str(lock)])
        done.touch()
    return python


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version[:2]))


if __name__ == "__main__":
    sys.exit(main())
