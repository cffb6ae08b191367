"""The events, stop reasons and statuses that the source of the functions has, by reading it."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support import ROOT
from videovector_bridge.ingest import outcome

_SOURCE: Final = ROOT / "functions" / "videovector_bridge"
_ANY: Final = "*"
"""Stands for the part of an event's name that is not in the source."""


def find_events() -> set[str]:
    """Return the event of each log line, with `*` for a name that is known only at run time."""
    return {
        _text(call.args[1])
        for call in _calls(_SOURCE, "log")
        if len(call.args) > 1 and _text(call.args[1]) != _ANY
    }


def find_stop_reasons() -> set[str]:
    """Return every `stop_reason` that a window may end with."""
    stops = [call.args[0] for call in _calls(_SOURCE / "ingest", "Stop") if call.args]
    reports = [
        call.args[2] for call in _calls(_SOURCE / "ingest", "WindowReport") if len(call.args) > 2
    ]
    tables = {
        *outcome._SENTENCES,
        *outcome._STATUS,
        *(reason for _, reason in (*outcome._TRANSIENT, *outcome._LASTING)),
    }
    return tables | {word for argument in (*stops, *reports) for word in _words(argument)}


def find_webhook_outcomes() -> set[tuple[int, str]]:
    """Return status and name of every outcome of the receiver."""
    return {
        (int(status), name)
        for call in _calls(_SOURCE / "ingest", "Outcome")
        if len(call.args) > 1
        for status in _numbers(call.args[0])
        for name in _words(call.args[1])
    }


def find_refusals() -> set[tuple[int, str]]:
    """Return status and code of every request that the receiver refuses."""
    refusals = [(call.args[0], call.args[1]) for call in _calls(_SOURCE / "ingest", "Refusal")]
    refused = [
        (call.args[0], call.args[2])
        for call in _calls(_SOURCE / "ingest", "refused")
        if len(call.args) > 2
    ]
    return {
        (int(status), code)
        for first, second in (*refusals, *refused)
        for status in _numbers(first)
        for code in _words(second)
    }


def _calls(folder: Path, name: str) -> Iterator[ast.Call]:
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=called)) if called == name:
                    yield node


def _text(node: ast.expr) -> str:
    """Return a text; `*` for each of its parts that is computed."""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else _ANY for part in node.values
        )
    return str(node.value) if isinstance(node, ast.Constant) else _ANY


def _words(node: ast.expr) -> list[str]:
    """Return the texts in an expression, such as those of `a if b else c`."""
    match node:
        case ast.Constant(value=str(word)):
            return [word]
        case ast.IfExp():
            return _words(node.body) + _words(node.orelse)
    return []


def _numbers(node: ast.expr) -> list[int]:
    return [node.value] if isinstance(node, ast.Constant) and type(node.value) is int else []
