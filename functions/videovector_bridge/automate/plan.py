"""Decide what each automation does on an event. Pure.

Subscribers and the command line use the same plan.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, NamedTuple

from videovector_bridge.automate.action import Cause, TargetState, check_state
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.actions.announce import CHANNEL as OWN_CHANNEL
from videovector_bridge.automate.cel.event_values import EventValues
from videovector_bridge.automate.cel.expressions import Expression
from videovector_bridge.automate.cel.templates import Template
from videovector_bridge.automate.received import ReceivedEvent
from videovector_bridge.errors import PermanentError
from videovector_bridge.work import origin_channel

Outcome = Literal["effect", "none", "overruled", "rejected"]


class Verdict(NamedTuple):
    """Whether an automation applies to an event, and which check decided it.

    The checks are made in the order type, channel, condition, up to the first that fails. `glob` is
    the glob that matches the type. `value` is the value of the condition, and `lacks` the name that
    the condition uses and the event lacks.
    """

    applies: bool
    decided_by: Literal["type", "channel", "condition", ""] = ""
    glob: str = ""
    value: Any = None
    lacks: str = ""


_OTHER_TYPE: Final = Verdict(applies=False, decided_by="type")


@dataclass(frozen=True, slots=True)
class Automation:
    """One automation, compiled. `fields` has templates, flags, and objects of templates."""

    name: str
    on: tuple[str, ...]
    action: str
    channel: str = ""
    when: Expression | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def judge(self, values: EventValues) -> Verdict:
        """Check type, channel and condition.

        A condition is false if it is null, or if it uses a field that the event lacks. Raises
        `PermanentError` if it fails in any other way.
        """
        event_type = values.fields["event_type"]
        glob = next((glob for glob in self.on if fnmatchcase(event_type, glob)), None)
        if glob is None:
            return _OTHER_TYPE
        if not self.accepts(values.fields["channel"], event_type):
            return Verdict(applies=False, decided_by="channel", glob=glob)
        if self.when is None:
            return Verdict(applies=True, glob=glob)
        try:
            value = self.when.evaluate(values)
        except LookupError as error:
            return Verdict(applies=False, decided_by="condition", glob=glob, lacks=str(error))
        if not isinstance(value, bool | None):
            raise PermanentError(
                f"The condition of {self.name!r} is {str(value)[:100]!r}, not true or false.",
                owner="user",
                code="expression_failed",
            )
        return Verdict(bool(value), "" if value else "condition", glob, value)

    def accepts(self, channel: str, event_type: str) -> bool:
        """Whether it applies to events of a channel, as far as the channel decides.

        The default is both channels of VideoVector. The bridge's events need `channel`. An event
        that takes the place of one that never came is accepted in its place.
        """
        if not self.channel:
            return channel != OWN_CHANNEL
        return self.channel in (channel, origin_channel(event_type, channel))

    def render(self, values: EventValues) -> dict[str, Any]:
        """Compute the action's fields for an event. Raises `PermanentError` if one fails."""
        return {name: _render(value, values) for name, value in self.fields.items()}


def _render(value: Any, values: EventValues) -> Any:
    if isinstance(value, Template):
        return value.render(values)
    if isinstance(value, Mapping):
        return {name: _render(inner, values) for name, inner in value.items()}
    if isinstance(value, list):
        return [_render(inner, values) for inner in value]
    return value


@dataclass(frozen=True, slots=True)
class AutomationPlan:
    """What one automation does on one event.

    `verdict` is None if the condition raised an error, `fields` if the fields are not rendered, and
    `state` if there is no effect. `overruled_by` names an earlier automation with the same target.
    `crash` is an unexpected error.
    """

    automation: Automation
    verdict: Verdict | None = None
    fields: Mapping[str, Any] | None = None
    state: TargetState | None = None
    overruled_by: str = ""
    rejection: PermanentError | None = None
    crash: Exception | None = None

    @property
    def outcome(self) -> Outcome:
        """The outcome in one word. Raises `crash` if it is set."""
        if self.crash is not None:
            raise self.crash
        if self.rejection is not None:
            return "rejected"
        if self.state is None:
            return "none"
        return "overruled" if self.overruled_by else "effect"


def plan(
    automations: Iterable[Automation], received: ReceivedEvent, *, target_kind: str = ""
) -> list[AutomationPlan]:
    """Decide what each automation does on an event, in the order of the file.

    An event has one effect on a target. If several automations have the same target, the first one
    wins, even if other functions serve the others. `target_kind` limits the plan to the automations
    with such targets.
    """
    values = EventValues(received.fields)
    planned: list[AutomationPlan] = []
    first: dict[str, str] = {}
    for automation in automations:
        if target_kind and ACTIONS[automation.action].target_kind != target_kind:
            continue
        automation_plan = _plan_automation(automation, received, values, first)
        planned.append(automation_plan)
        if automation_plan.state is not None:
            first.setdefault(automation_plan.state.target, automation.name)
    return planned


def _plan_automation(
    automation: Automation, received: ReceivedEvent, values: EventValues, first: Mapping[str, str]
) -> AutomationPlan:
    verdict: Verdict | None = None
    fields: Mapping[str, Any] | None = None
    try:
        verdict = automation.judge(values)
        if not verdict.applies:
            return AutomationPlan(automation, verdict)
        fields = automation.render(values)
        cause = Cause(automation.name, received)
        state = check_state(ACTIONS[automation.action].target_state(fields, cause))
    except PermanentError as error:
        return AutomationPlan(automation, verdict, fields, rejection=error)
    except Exception as error:  # noqa: BLE001  # a bug in one automation stops no other
        return AutomationPlan(automation, verdict, fields, crash=error)
    return AutomationPlan(automation, verdict, fields, state, first.get(state.target, ""))
