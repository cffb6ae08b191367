"""The lines about automations, and about what is deployed."""

from collections.abc import Iterator

from videovector_bridge.watch.status.facts import AutomationFacts, Facts, Unread
from videovector_bridge.watch.status.line import Line, describe_count


def describe_automations(facts: Facts) -> Iterator[Line]:
    """Yield a line about the automations file."""
    automations = facts.automations
    if automations is None:
        yield Line("automations", "", "no_file", "no source tree here: name one with --automations")
    elif isinstance(automations, Unread):
        yield Line("automations", "", "unreadable", automations.why)
    else:
        total = sum(automations.by_action.values())
        actions = ", ".join(f"{action} {n}" for action, n in sorted(automations.by_action.items()))
        text = f"{describe_count(total, 'automation')}" + (f": {actions}" if actions else "")
        state = "ok"
        if automations.mistakes:
            state = "mistakes"
            text = f"{describe_count(automations.mistakes, 'mistake')}: {automations.first}; {text}"
        elif automations.warnings:
            state = "doubts"
            text = f"{describe_count(automations.warnings, 'warning')}: {automations.first}; {text}"
        yield Line("automations", automations.file, state, text, _values(automations))


def _values(automations: AutomationFacts) -> dict[str, object]:
    return {
        "by_action": dict(automations.by_action),
        "mistakes": automations.mistakes,
        "warnings": automations.warnings,
    }


def describe_deployment(facts: Facts) -> Iterator[Line]:
    """Yield a line about the deployed source, and one for each function."""
    deployment, source = facts.deployment, facts.source
    text = f"version {deployment.version}, source {deployment.source_hash[:12]}"
    values = {"version": deployment.version, "source_hash": deployment.source_hash}
    if source is None or facts.is_local:
        yield Line("deployment", "", "ok", text, values)
    elif source.hash == deployment.source_hash:
        yield Line("deployment", "", "ok", f"{text}, as in this source tree", values)
    else:
        text += f"; this source tree is version {source.version}, source {source.hash[:12]}"
        yield Line("deployment", "", "other_source", text, values)
    for function in deployment.functions:
        url = function.url or "no URL"
        values = {"url": function.url, "action": function.action}
        automations = facts.automations
        if (
            function.action
            and isinstance(automations, AutomationFacts)
            and not automations.by_action.get(function.action)
        ):
            text = f"no automation uses {function.action}; {url}"
            yield Line("function", function.name, "unused", text, values)
        else:
            yield Line("function", function.name, "ok", url, values)
