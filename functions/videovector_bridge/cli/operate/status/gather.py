"""Gather all facts at once, within one deadline."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from videovector_bridge.backends.reading_ports import PulledMessage
from videovector_bridge.cli.concurrently import Failure, run_concurrently
from videovector_bridge.cli.operate.letters.letter import Kind, read_letter
from videovector_bridge.cli.operate.letters.session import name_functions
from videovector_bridge.cli.operate.status import sources
from videovector_bridge.cli.operate.status.peek import peek
from videovector_bridge.cli.target import Target
from videovector_bridge.watch.status.facts import Facts, LetterFacts, SourceFacts, Unread

DEADLINE_SECONDS: Final = 20.0
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
        "rejected": lambda: _peek(target, "rejected"),
        "dead_letters": lambda: _peek(target, "dead-letters"),
        "open_work": lambda: sources.read_open_work(target),
        "checks": lambda: sources.read_checks(target),
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


def _peek(target: Target, kind: Kind) -> LetterFacts:
    """Count rejected messages by code, or dead letters by function."""
    subscription = target.deployment.subscription(kind)
    functions = name_functions(target.deployment)

    def find_key(pulled: PulledMessage) -> str:
        letter = read_letter(kind, pulled, functions)
        # A person may publish to the topics, too.
        return (letter.code if kind == "rejected" else letter.function) or _UNKNOWN

    return peek(target.subscriptions, subscription.id, find_key)
