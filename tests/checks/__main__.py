"""Run every check, print each result, and fail if any check has findings."""

import sys
import time
from collections.abc import Callable
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


def main() -> int:
    """Run all checks; 1 if any of them failed."""
    failed = 0
    for check in CHECKS:
        started = time.monotonic()
        findings = check.run()
        failed += bool(findings)
        mark = "FAILED" if findings else "ok"
        print(f"{check.name:<24}{mark:<8}{time.monotonic() - started:5.1f} s", flush=True)
        if findings:
            print(findings, flush=True)
    print(f"{failed} of {len(CHECKS)} checks failed." if failed else "All checks passed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
