"""Gather all facts at once, within one deadline."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.cli.concurrently import Failure, run_concurrently
from videovector_bridge.cli.operate.status import sources
from videovector_bridge.cli.operate.status.peek import peek
from videovector_bridge.cli.target import Target
from videovector_bridge.watch.status.facts import Facts, LetterFacts, SourceFacts, Unread

DEADLINE_SECONDS: Final = 20.0
_DEAD_LETTER_SOURCE: Final = "CloudPubSubDeadLetterSourceSubscription"
_UNKNOWN: Final = "unknown"


def gather(
    target: Target,
    options: str,
    automations: str,
    environ: Mapping[str, str],
    *,
    seconds: float = DEADLINE_SECONDS,
) -> Facts:
    """Return all facts. A source that fails or does not answer is `Unread`."""
    tasks: dict[str, Callable[[], Any]] = {
        "streams": lambda: sources.read_streams(target),
        "webhooks": lambda: sources.read_webhooks(target),
        "channel": lambda: sources.read_channel(target),
        "backlogs": lambda: sources.read_backlogs(target),
        "rejected": lambda: _peek(target, "rejected", _find_code),
        "dead_letters": lambda: _peek(target, "dead-letters", _function_finder(target)),
        "open_work": lambda: sources.read_open_work(target),
        "automations": lambda: sources.read_automations(automations, environ),
        "source": lambda: sources.read_source(automations, environ),
    }
    results = {
        name: Unread(f"{name.replace('_', ' ')}: {result.why}")
        if isinstance(result, Failure)
        else result
        for name, result in run_concurrently(tasks, seconds).items()
    }
    source = results.pop("source")
    return Facts(
        now=datetime.now(UTC),
        target=options,
        is_local=target.is_local,
        deployment=target.deployment,
        source=source if isinstance(source, SourceFacts) else None,
        **results,
    )


def _peek(target: Target, name: str, find_key: Callable[[PulledMessage], str]) -> LetterFacts:
    subscription = target.deployment.subscription(name)
    return peek(target.subscriptions, subscription.id, find_key)


def _find_code(pulled: PulledMessage) -> str:
    return pulled.message.attributes.get("code") or _UNKNOWN


def _function_finder(target: Target) -> Callable[[PulledMessage], str]:
    functions = {each.id: each.function for each in target.deployment.subscriptions}

    def find(pulled: PulledMessage) -> str:
        # The embedded backend does not note where a message comes from.
        source = pulled.message.attributes.get(_DEAD_LETTER_SOURCE, "")
        return functions.get(source) or source or _UNKNOWN

    return find
