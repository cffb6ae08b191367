"""The lines about `reconcile` and `canary`: whether they run, and what they found."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from videovector_bridge.events import parse_time
from videovector_bridge.watch.status.facts import Facts, OpenWorkFacts, Unread
from videovector_bridge.watch.status.line import (
    Line,
    describe_age,
    describe_count,
    describe_seconds,
)

LONGEST_PAUSE: Final = 1_800.0
"""Seconds without a run, or without a question about open work, that are no problem."""

_CHANNEL_STATES: Final = {"dead": "channel_dead", "unknown": "channel_unknown"}


def describe_checks(facts: Facts) -> Iterator[Line]:
    """Yield a line for each check that is deployed, and for each channel that is not alive."""
    deployed = {each.name for each in facts.deployment.functions}
    if isinstance(facts.checks, Unread):
        if deployed & {"reconcile", "canary"}:
            yield Line("checks", "", "unreadable", facts.checks.why)
        return
    if "reconcile" in deployed:
        yield _describe_reconcile(facts, facts.checks.get("reconcile", {}))
    if "canary" in deployed:
        yield from _describe_canary(facts, facts.checks.get("canary", {}))


def _describe_reconcile(facts: Facts, last: Mapping[str, Any]) -> Line:
    work = facts.open_work
    if isinstance(work, Unread):
        return Line("check", "reconcile", "unreadable", work.why)
    run_state, run_text = _judge_run("reconcile", facts, last)
    asked_all_at, longest = parse_time(last.get("asked_all_at")), _longest_pause("reconcile", facts)
    work_state, work_text = _judge_work(work, facts.now, asked_all_at, longest)
    state = run_state if run_state != "ok" else work_state
    values = {"last_run_at": last.get("at"), "open": work.count, "complete": work.complete}
    return Line("check", "reconcile", state, f"{run_text}; {work_text}", values)


def _longest_pause(function: str, facts: Facts) -> float:
    """Return the seconds that may pass between two runs of a check: three of its schedule."""
    return max(LONGEST_PAUSE, 3 * facts.deployment.schedules.get(function, 0.0))


def _judge_work(
    work: OpenWorkFacts, now: datetime, asked_all_at: datetime | None, longest: float
) -> tuple[str, str]:
    if not work.count:
        return "ok", "no run or video is open"
    more = "" if work.complete else "at least "
    text = f"{more}{describe_count(work.count, 'run or video is', 'runs and videos are')} open"
    since = max(filter(None, (work.unchecked_since, asked_all_at)), default=None)
    if since is None or (seconds := (now - since).total_seconds()) <= longest:
        return "ok", text
    return "unchecked", f"{text}; one was not checked for {describe_seconds(seconds)}"


def _describe_canary(facts: Facts, last: Mapping[str, Any]) -> Iterator[Line]:
    stored = last.get("channels")
    channels = (
        [each for each in stored if isinstance(each, Mapping)] if isinstance(stored, list) else []
    )
    state, text = _judge_run("canary", facts, last)
    alive = sum(each.get("state") == "alive" for each in channels)
    if channels:
        text += f"; {describe_count(alive, 'channel is', 'channels are')} alive"
    values = {"last_run_at": last.get("at"), "channels": [dict(each) for each in channels]}
    yield Line("check", "canary", state, text, values)
    for each in channels:
        if channel_state := _CHANNEL_STATES.get(str(each.get("state"))):
            text = f"{each.get('reason')}: {each.get('detail')} {each.get('what_to_do') or ''}"
            yield Line("channel", str(each.get("channel")), channel_state, text.rstrip())


def _judge_run(function: str, facts: Facts, last: Mapping[str, Any]) -> tuple[str, str]:
    """Return the state of a check, and when it last ran."""
    at = parse_time(last.get("at"))
    text = f"last run {describe_age(at, facts.now)}" if at else "it has not run yet"
    if function not in facts.deployment.schedules:
        return "not_scheduled", f"no schedule calls it; {text}"
    if at is None:
        return "never_ran", text
    is_late = (facts.now - at).total_seconds() > _longest_pause(function, facts)
    return ("not_running" if is_late else "ok"), text
