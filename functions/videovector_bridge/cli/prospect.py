"""What each automation would do on an event, by what the subscribers do, without doing it. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from videovector_bridge.automate.automations import Automation, Verdict
from videovector_bridge.automate.markers import marker
from videovector_bridge.automate.urls import allowed_uri
from videovector_bridge.errors import PermanentError

Outcome = Literal["effect", "none", "overruled", "rejected"]


@dataclass(frozen=True, slots=True)
class Prospect:
    """What one automation would do on one event.

    `verdict` is None where the condition fails, `fields` where nothing could be rendered.
    `target` names what the effect is on, where actions share targets; `overruled_by` is the
    automation whose effect on it comes first.
    """

    automation: Automation
    verdict: Verdict | None = None
    fields: Mapping[str, Any] | None = None
    target: str = ""
    overruled_by: str = ""
    rejection: PermanentError | None = None

    @property
    def outcome(self) -> Outcome:
        """What comes of it, in one word."""
        if self.rejection is not None:
            return "rejected"
        if self.verdict is None or not self.verdict.applies:
            return "none"
        return "overruled" if self.overruled_by else "effect"


def prospects(automations: Iterable[Automation], event: Mapping[str, Any]) -> list[Prospect]:
    """What each automation would do on `event`, in the order of the file."""
    found: list[Prospect] = []
    first: dict[str, str] = {}
    for automation in automations:
        found.append(_prospect(automation, event, first))
        if found[-1].outcome == "effect" and found[-1].target:
            first[found[-1].target] = automation.name
    return found


def _prospect(
    automation: Automation, event: Mapping[str, Any], first: Mapping[str, str]
) -> Prospect:
    verdict: Verdict | None = None
    fields: Mapping[str, Any] | None = None
    try:
        verdict = automation.judge(event)
        if not verdict.applies:
            return Prospect(automation, verdict)
        fields = automation.render(event)
        target = _TARGETS.get(automation.action, _no_target)(fields)
    except PermanentError as error:
        return Prospect(automation, verdict, fields, rejection=error)
    return Prospect(automation, verdict, fields, target, first.get(target, ""))


def _marker_target(fields: Mapping[str, Any]) -> str:
    return marker(fields)[1]


def _url_target(fields: Mapping[str, Any]) -> str:
    """No target, for every event has a URL of its own. Which buckets are allowed is a setting."""
    uri = fields["gcs_uri"]
    bucket = uri.removeprefix("gs://").partition("/")[0] if isinstance(uri, str) else ""
    allowed_uri(uri, frozenset({bucket}))
    return ""


def _no_target(_fields: Mapping[str, Any]) -> str:
    return ""


# What each action makes of its fields before it asks VideoVector for anything.
_TARGETS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "upsert_marker": _marker_target,
    "issue_signed_url": _url_target,
}
