"""docs/messages.md and docs/automations.md name every reason code of a rejected message."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support import ROOT
from tests.support.pages import TABLE_OF_CODES
from videovector_bridge.api import ApiError
from videovector_bridge.errors import PermanentError

SOURCES = sorted((ROOT / "functions" / "videovector_bridge").rglob("*.py"))
CODE = re.compile(r"`([a-z]+(?:_[a-z]+)*)`")
# Functions of `backends/` that get a code as an argument by position.
BY_POSITION = {"_refused", "_BrokenRuleError"}
# It ends a redelivery; each refused part has the code of its own error.
NOT_PUBLISHED = {"parts_refused"}
# `delivery.py` joins these from the name of the field.
JOINED = {"missing_id", "bad_id", "missing_event", "bad_event"}


def documented_codes(page: str) -> set[str]:
    """Return the codes in the first column of the page's tables of codes."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return {
        code
        for table in TABLE_OF_CODES.findall(text)
        for row in table.splitlines()
        for code in CODE.findall(row.split("|")[1])
    }


def constants(node: ast.expr) -> Iterator[str]:
    """Yield the texts in an expression, such as both results of a condition."""
    if isinstance(node, ast.IfExp):
        yield from constants(node.body)
        yield from constants(node.orelse)
    elif isinstance(node, ast.Constant):
        yield str(node.value)


def codes_of_rejections(path: Path) -> set[str]:
    """Return the codes of data that cannot be an event: the first argument of `Rejection`."""
    return {
        code
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Rejection"
        for code in constants(node.args[0])
    }


def codes_of_errors(path: Path) -> set[str]:
    """Return the codes of permanent errors: the argument `code` of a call."""
    codes = set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            values = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            values += node.args if name in BY_POSITION else []
            codes |= {code for value in values for code in constants(value)}
    return {code for code in codes if re.fullmatch(r"[a-z]+(?:_[a-z]+)+", code)}


def subclasses(kind: type[ApiError]) -> Iterator[type[ApiError]]:
    """Yield a class and every class below it."""
    yield kind
    for below in kind.__subclasses__():
        yield from subclasses(below)


def test_codes_of_data_that_is_no_event_are_documented() -> None:
    """The table of docs/messages.md has exactly those codes."""
    codes = set[str]().union(*map(codes_of_rejections, SOURCES))

    assert documented_codes("messages.md") == codes | JOINED


def test_codes_of_effects_are_documented() -> None:
    """The table of docs/automations.md has exactly those of permanent errors."""
    refusals = {kind.code for kind in subclasses(ApiError) if issubclass(kind, PermanentError)}
    sources = [path for path in SOURCES if path.parent.name != "ingest"]
    codes = set[str]().union(*map(codes_of_errors, sources))

    assert documented_codes("automations.md") == (codes | refusals) - NOT_PUBLISHED
