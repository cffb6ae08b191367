"""Find automations that are rejected, or do nothing, on every event. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from videovector_bridge.automate.cel.expressions import Expression
from videovector_bridge.automate.cel.templates import Template
from videovector_bridge.automate.check.overruled import ANY_EVENT
from videovector_bridge.automate.plan import Automation, plan
from videovector_bridge.errors import PermanentError


class ConstantOutcome(NamedTuple):
    """An outcome that is the same for every event, the field that causes it, and a hint."""

    field: str
    what: str
    fix: str = ""
    fatal: bool = True


def find_constant_outcomes(automation: Automation) -> Iterator[ConstantOutcome]:
    """Yield the constant outcomes of an automation."""
    channel = ANY_EVENT.fields["channel"]
    anywhere = replace(automation, on=("*",), channel=channel)
    if automation.when is not None and _is_constant(automation.when):
        (planned,) = plan([anywhere], ANY_EVENT)
        if planned.verdict is None and planned.rejection is not None:
            yield ConstantOutcome("when", _describe_rejection(planned.rejection), _ADVICE)
        elif planned.verdict is not None and not planned.verdict.applies:
            yield ConstantOutcome("when", "is false for every event", _ADVICE, fatal=False)
    if _is_constant(automation.fields):
        (planned,) = plan([replace(anywhere, when=None)], ANY_EVENT)
        if planned.rejection is not None:
            yield ConstantOutcome(automation.action, _describe_rejection(planned.rejection))


def _describe_rejection(rejection: PermanentError) -> str:
    return f"every event would be rejected: {str(rejection).removesuffix('.')}"


_ADVICE: Final = "compare a field of the event, such as event.payload.n > 3, or leave `when` out"


def _is_constant(value: Any) -> bool:
    """Whether no expression in `value` uses the event."""
    if isinstance(value, Expression):
        return "event" not in value.source
    if isinstance(value, Template):
        return all(isinstance(part, str) or _is_constant(part) for part in value.parts)
    if isinstance(value, Mapping):
        return all(map(_is_constant, value.values()))
    if isinstance(value, list):
        return all(map(_is_constant, value))
    return True
