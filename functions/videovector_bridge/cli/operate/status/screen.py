"""The screen of `status`. Pure."""

from collections.abc import Iterator
from typing import Final

from rich.text import Text

from videovector_bridge.redact import redact
from videovector_bridge.watch.status.assessment import find_command
from videovector_bridge.watch.status.facts import Facts
from videovector_bridge.watch.status.line import Line, describe_count
from videovector_bridge.watch.status.states import SEVERITIES, STATES

_STYLES: Final = {"problem": "bold red", "warning": "yellow", "note": "cyan", "ok": "green"}
_PAGE: Final = "docs/operating.md"


def render(name: str, facts: Facts, lines: list[Line]) -> Iterator[Text]:
    """Yield the rows: a headline, each line, and under a problem or warning what helps."""
    counts = ", ".join(
        describe_count(count, severity) if severity != "ok" else f"{count} ok"
        for severity in SEVERITIES
        if (count := sum(line.severity == severity for line in lines)) or severity == "problem"
    )
    yield Text(f"{name} at {facts.now.isoformat(timespec='seconds')}: {counts}", style="bold")
    names = [f"{line.subject} {line.name}".rstrip() for line in lines]
    width = max(map(len, names), default=0)
    for line, shown in zip(lines, names, strict=True):
        yield Text.assemble(
            (f"{line.severity:<8}", _STYLES[line.severity]),
            f"{shown:<{width}}  ",
            (f"{line.state}: " if line.state != "ok" else ""),
            redact(line.text),
        )
        if line.severity in ("problem", "warning"):
            yield Text(f"{'':8}-> {_help(line, facts)}", style="dim")


def _help(line: Line, facts: Facts) -> str:
    command = find_command(line, facts)
    section = f'"{STATES[line.state].section}" in {_PAGE}'
    return f"{command}  ({section})" if command else section
