"""What an automation does whatever the event is, and should not. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from videovector_bridge.automate.cel.expressions import Expression
from videovector_bridge.automate.cel.templates import Template
from videovector_bridge.automate.check.overruled import ANY_EVENT
from videovector_bridge.automate.plan import Automation, plan
from videovector_bridge.errors import PermanentError


class Constant(NamedTuple):
    """What is the same for every event: the field that it follows from, and what to write."""

    field: str
    what: str
    fix: str = ""
    fatal: bool = True


def constants(automation: Automation) -> Iterator[Constant]:
    """What is rejected, or does nothing, on every event."""
    channel = ANY_EVENT.fields["channel"]
    anywhere = replace(automation, on=("*",), channel=channel)
    if automation.when is not None and _is_constant(automation.when):
        (planned,) = plan([anywhere], ANY_EVENT)
        if planned.verdict is None and planned.rejection is not None:
            yield Constant("when", _rejected(planned.rejection), _ASK)
        elif planned.verdict is not None and not planned.verdict.applies:
            yield Constant("when", "never holds, whatever the event is", _ASK, fatal=False)
    if _is_constant(automation.fields):
        (planned,) = plan([replace(anywhere, when=None)], ANY_EVENT)
        if planned.rejection is not None:
            yield Constant(automation.action, _rejected(planned.rejection))


def _rejected(rejection: PermanentError) -> str:
    return f"every event would be rejected: {str(rejection).removesuffix('.')}"


_ASK = "compare a field of the event, such as event.payload.n > 3, or leave `when` out"


def _is_constant(value: Any) -> bool:
    """Whether no expression in `value` asks for the event."""
    if isinstance(value, Expression):
        return "event" not in value.source
    if isinstance(value, Template):
        return all(isinstance(part, str) or _is_constant(part) for part in value.parts)
    if isinstance(value, Mapping):
        return all(map(_is_constant, value.values()))
    if isinstance(value, list):
        return all(map(_is_constant, value))
    return True
