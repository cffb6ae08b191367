"""`make check`: every check that needs no run of the code, each named, all reported."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
FOLDERS = ("functions/videovector_bridge", "infra", "tests")
LOCKS = {
    "functions/requirements.txt": ("pyproject.toml",),
    "infra/local/requirements.txt": ("pyproject.toml", "--group", "local"),
    "tests/requirements.txt": ("pyproject.toml", "--group", "dev"),
    "tests/infra/requirements.txt": ("--group", "scan"),  # and nothing else
}
# Keys and passwords in tests, and the trace ids of the W3C's own example.
MADE_UP = (
    r"^(sk_(wrong|x|live_1234)|two\\nlines|pw$|hidden-word$|deadbeefcafe|0af7651916cd|b7ad6b716920)"
)


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it proves, and how; `run` returns what is wrong, or nothing."""

    name: str
    run: Callable[[], str]


def main() -> int:
    """Run all checks; 1 if any found something."""
    checks = (
        Check("format", lambda: _tool("ruff", "format", "--check", ".")),
        Check("lint", lambda: _tool("ruff", "check", ".")),
        Check("types", lambda: _tool("mypy", "functions/main.py", *FOLDERS)),
        Check("import direction", lambda: _tool("lint-imports", "--no-cache")),
        Check("dependencies declared", lambda: _tool("deptry", "functions")),
        Check("locks match pyproject", _locks),
        Check("no secrets", _secrets),
    )
    failed = 0
    for check in checks:
        started = time.monotonic()
        wrong = check.run()
        failed += bool(wrong)
        mark = "FAILED" if wrong else "ok"
        print(f"{check.name:<24}{mark:<8}{time.monotonic() - started:5.1f} s", flush=True)
        if wrong:
            print(wrong, flush=True)
    print("All checks hold." if not failed else f"{failed} of {len(checks)} checks failed.")
    return 1 if failed else 0


def _tool(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(BIN / name), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _locks() -> str:
    """Resolving again, with the locks as preferences, must change nothing."""
    wrong = []
    for lock, sources in LOCKS.items():
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "requirements.txt"
            before = (ROOT / lock).read_text(encoding="utf-8")
            copy.write_text(before, encoding="utf-8")
            options = ["--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
            options += ["--no-emit-index-url", "--no-annotate", "--no-header"]
            failed = _tool("uv", "pip", "compile", *options, *sources, "--output-file", str(copy))
            if failed:
                wrong.append(f"{lock}: {failed}")
            elif copy.read_text(encoding="utf-8") != before:
                wrong.append(f"{lock} does not match pyproject.toml; run `make lock`.")
    return "\n".join(wrong)


def _secrets() -> str:
    """No tracked file may hold what looks like a secret, save those that tests made up."""
    listed = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).split("\n")
    files = [name for name in listed if name and not name.endswith("requirements.txt")]
    return _tool("detect-secrets-hook", "--exclude-secrets", MADE_UP, *files)


if __name__ == "__main__":
    sys.exit(main())
