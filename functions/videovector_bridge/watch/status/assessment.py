"""The whole assessment: all facts in, all lines out, the worst first."""

from typing import Any

from videovector_bridge.watch.status.channel import describe_channel, find_receiver_url
from videovector_bridge.watch.status.checks import describe_checks
from videovector_bridge.watch.status.deployed import describe_automations, describe_deployment
from videovector_bridge.watch.status.facts import Facts
from videovector_bridge.watch.status.line import Line, sort_lines
from videovector_bridge.watch.status.messages import (
    describe_letters,
    describe_subscriptions,
)
from videovector_bridge.watch.status.states import STATES
from videovector_bridge.watch.status.streams import describe_streams


def assess(facts: Facts) -> list[Line]:
    """Return every line."""
    return sort_lines(
        [
            *describe_streams(facts),
            *describe_channel(facts),
            *describe_letters(facts),
            *describe_subscriptions(facts),
            *describe_checks(facts),
            *describe_automations(facts),
            *describe_deployment(facts),
        ]
    )


def find_command(line: Line, facts: Facts) -> str:
    """Return the command that helps with a line; empty without one."""
    state = STATES[line.state]
    template = state.local if facts.is_local and state.local else state.command
    deployment = facts.deployment
    return template.format(
        name=line.name,
        url=find_receiver_url(facts) or "URL",
        secret=deployment.secret_option,
        project=deployment.backend.project,
        prefix=deployment.prefix,
        region=deployment.region,
        target=facts.target,
    )


def as_json(line: Line, facts: Facts) -> dict[str, Any]:
    """Return a line for scripts."""
    return {
        "severity": line.severity,
        "subject": line.subject,
        "name": line.name or None,
        "state": line.state,
        "text": line.text,
        "section": STATES[line.state].section or None,
        "command": find_command(line, facts) or None,
        "facts": dict(line.facts),
    }
