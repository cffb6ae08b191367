"""Run every check side by side, print each result, and fail if any check has findings."""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.checks import imports, modules, tools, words

PRODUCTS = ("functions/videovector_bridge", "infra", "tests")


@dataclass(frozen=True, slots=True)
class Check:
    """One rule; `run` returns what breaks it, a line each, or the empty string."""

    name: str
    run: Callable[[], str]


CHECKS = (
    Check("format", lambda: tools.run("ruff", "format", "--check", ".")),
    Check("lint", lambda: tools.run("ruff", "check", ".")),
    Check("types", lambda: tools.run("mypy", "functions/main.py", *PRODUCTS)),
    Check("avoided words", words.check),
    Check("module sizes and rooms", modules.check),
    Check("import contracts", lambda: tools.run("lint-imports", "--no-cache")),
    Check("no import cycles", imports.check),
    Check("dependencies declared", lambda: tools.run("deptry", "functions")),
    Check("locks match pyproject", tools.check_locks),
    Check("no secrets", tools.check_secrets),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a check printed, and how long it ran."""

    check: Check
    findings: str
    seconds: float

    def __str__(self) -> str:
        """One line, and the findings below it."""
        mark = "FAILED" if self.findings else "ok"
        line = f"{self.check.name:<24}{mark:<8}{self.seconds:5.1f} s"
        return f"{line}\n{self.findings}" if self.findings else line


def main() -> int:
    """Run all checks; 1 if any of them failed."""
    failed = 0
    # Most checks are processes of their own, so threads are enough to use every CPU.
    with ThreadPoolExecutor(len(CHECKS)) as threads:
        for result in threads.map(measure, CHECKS):
            failed += bool(result.findings)
            print(result, flush=True)
    print(f"{failed} of {len(CHECKS)} checks failed." if failed else "All checks passed.")
    return 1 if failed else 0


def measure(check: Check) -> Result:
    """Run one check."""
    started = time.monotonic()
    findings = check.run()
    return Result(check, findings, time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
