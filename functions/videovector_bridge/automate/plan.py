"""What each automation does on an event: for the subscribers, and for the command line. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from videovector_bridge.automate.action import Cause, TargetState, checked_state
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.reader import Automation, Verdict
from videovector_bridge.automate.cel.event_values import EventValues
from videovector_bridge.automate.received import Received
from videovector_bridge.errors import PermanentError

Outcome = Literal["effect", "none", "overruled", "rejected"]


@dataclass(frozen=True, slots=True)
class Planned:
    """What one automation does on one event.

    `verdict` is None where the condition fails, `fields` where nothing could be rendered, `state`
    where there is no effect. `overruled_by` is the automation that comes first on the same target.
    `crash` is a bug that was met.
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
        """The outcome in one word. Raises the crash, if there is one."""
        if self.crash is not None:
            raise self.crash
        if self.rejection is not None:
            return "rejected"
        if self.state is None:
            return "none"
        return "overruled" if self.overruled_by else "effect"


def plan(
    automations: Iterable[Automation], received: Received, *, target_kind: str = ""
) -> list[Planned]:
    """What each automation does on an event, in the order of the file.

    An event has one effect on a target: of several automations, that of the first, whichever
    functions serve them. With `target_kind`, only the automations that have such targets are
    looked at.
    """
    values = EventValues(received.fields)
    planned: list[Planned] = []
    first: dict[str, str] = {}
    for automation in automations:
        if target_kind and ACTIONS[automation.action].target_kind != target_kind:
            continue
        one = _plan_one(automation, received, values, first)
        planned.append(one)
        if one.state is not None:
            first.setdefault(one.state.target, automation.name)
    return planned


def _plan_one(
    automation: Automation, received: Received, values: EventValues, first: Mapping[str, str]
) -> Planned:
    verdict: Verdict | None = None
    fields: Mapping[str, Any] | None = None
    try:
        verdict = automation.judge(values)
        if not verdict.applies:
            return Planned(automation, verdict)
        fields = automation.render(values)
        cause = Cause(automation.name, received)
        state = checked_state(ACTIONS[automation.action].target_state(fields, cause))
    except PermanentError as error:
        return Planned(automation, verdict, fields, rejection=error)
    except Exception as error:  # noqa: BLE001  # a bug in one automation stops no other
        return Planned(automation, verdict, fields, crash=error)
    return Planned(automation, verdict, fields, state, first.get(state.target, ""))
