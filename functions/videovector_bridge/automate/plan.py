"""What each automation does on an event: for the subscribers, and for who wants to know. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from videovector_bridge.automate.action import Cause, Wanted
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations import Automation, Verdict
from videovector_bridge.automate.received import Received
from videovector_bridge.errors import PermanentError

Outcome = Literal["effect", "none", "overruled", "rejected"]


@dataclass(frozen=True, slots=True)
class Planned:
    """What one automation does on one event.

    `verdict` is None where the condition fails, `fields` where nothing could be rendered, `wanted`
    where there is no effect. `overruled_by` is the automation that comes first on the same target.
    """

    automation: Automation
    verdict: Verdict | None = None
    fields: Mapping[str, Any] | None = None
    wanted: Wanted | None = None
    overruled_by: str = ""
    rejection: PermanentError | None = None

    @property
    def outcome(self) -> Outcome:
        """What comes of it, in one word."""
        if self.rejection is not None:
            return "rejected"
        if self.wanted is None:
            return "none"
        return "overruled" if self.overruled_by else "effect"


def plan(automations: Iterable[Automation], received: Received) -> list[Planned]:
    """What each automation does on an event, in the order of the file.

    An event has one effect on a target: of several automations, the first's, whichever functions
    serve them.
    """
    found: list[Planned] = []
    first: dict[str, str] = {}
    for automation in automations:
        planned = _planned(automation, received, first)
        found.append(planned)
        if planned.wanted is not None:
            first.setdefault(planned.wanted.target, automation.name)
    return found


def _planned(automation: Automation, received: Received, first: Mapping[str, str]) -> Planned:
    verdict: Verdict | None = None
    fields: Mapping[str, Any] | None = None
    try:
        verdict = automation.judge(received.fields)
        if not verdict.applies:
            return Planned(automation, verdict)
        fields = automation.render(received.fields)
        wanted = ACTIONS[automation.action].wanted(fields, Cause(automation.name, received))
    except PermanentError as error:
        return Planned(automation, verdict, fields, rejection=error)
    return Planned(automation, verdict, fields, wanted, first.get(wanted.target, ""))
