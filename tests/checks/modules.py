"""Small modules, and packages whose docstring does not say who may import them."""

import ast
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from tests.checks.sources import Finding, read_tracked

SMALLEST = 25
"""Lines. Below this, a module usually belongs into the one that uses it."""

NEVER_TOO_SMALL = re.compile(r"(__init__|__main__|conftest|test_\w+)\.py")
"""Package files, entry points, fixtures, and tests, which mirror the source tree."""

SMALL_ON_PURPOSE: Mapping[str, str] = {
    "functions/videovector_bridge/cli/operate/app.py": "imported only for its commands",
    "tests/support/documents.py": "two contract suites share it",
    "tests/support/hosted_main.py": "functions-framework loads it as the source file",
    "tests/support/impatient_main.py": "functions-framework loads it as the source file",
    "tests/support/log_lines.py": "tests of many functions read log lines",
    "tests/support/patience.py": "all kinds of tests share this one limit",
    "tests/support/pubsub_filter.py": "one topic, which nothing else in support has",
}
"""Path of a module below `SMALLEST` lines: the reason why it stays one."""

PRODUCTS = ("functions/videovector_bridge/", "infra/")


def check() -> str:
    """Every finding in the Python files of the repository, a line each."""
    files = {path: text for path, text in read_tracked().items() if path.endswith(".py")}
    findings = [*find_small_modules(files, SMALL_ON_PURPOSE), *find_rooms_without_door(files)]
    return "\n".join(map(str, sorted(findings)))


def find_small_modules(files: Mapping[str, str], reasons: Mapping[str, str]) -> list[Finding]:
    """Modules below `SMALLEST` lines without a reason, and reasons that nothing needs."""
    small = {
        path: len(text.splitlines())
        for path, text in files.items()
        if len(text.splitlines()) < SMALLEST
        and not NEVER_TOO_SMALL.fullmatch(PurePosixPath(path).name)
    }
    findings = [
        Finding(path, 1, f"{lines} lines; merge this module with the one that uses it")
        for path, lines in small.items()
        if path not in reasons
    ]
    unused = [path for path in reasons if path not in small]
    return findings + [
        Finding(path, 1, "no small module; remove it from SMALL_ON_PURPOSE") for path in unused
    ]


def find_rooms_without_door(files: Mapping[str, str]) -> list[Finding]:
    """Packages of the products whose docstring does not say what may import them."""
    findings = []
    for path, text in files.items():
        if path.startswith(PRODUCTS) and path.endswith("/__init__.py"):
            docstring = ast.get_docstring(ast.parse(text)) or ""
            if not re.search(r"\bimport", docstring, re.IGNORECASE):
                message = "the docstring of a package says what it is for and what may import it"
                findings.append(Finding(path, 1, message))
    return findings
