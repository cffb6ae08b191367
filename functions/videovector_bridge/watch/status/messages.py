"""The lines about subscriptions, rejected messages and dead letters."""

from collections.abc import Iterator
from typing import Final

from videovector_bridge.watch.status.facts import (
    BacklogFacts,
    Facts,
    LetterFacts,
    Unread,
)
from videovector_bridge.watch.status.line import Line, describe_count, describe_seconds

WAITING_SECONDS: Final = 1_800.0
"""The default of the alert "Messages wait for a function"."""

LETTERS: Final = {"rejected": "rejected", "dead-letters": "dead_letters"}
"""Subscriptions that keep messages for people: the state if they have some."""


def describe_letters(facts: Facts) -> Iterator[Line]:
    """Yield a line for each code of rejected messages, and each function with dead letters."""
    yield from _describe_letters("rejected", facts.rejected, "code")
    yield from _describe_letters("dead-letters", facts.dead_letters, "function")


def _describe_letters(name: str, letters: LetterFacts | Unread, kind: str) -> Iterator[Line]:
    if isinstance(letters, Unread):
        yield Line(name, "", "unreadable", letters.why)
        return
    if not letters.counts:
        yield Line(name, "", "ok", "none", {"messages": 0, "complete": letters.complete})
    at_least = "" if letters.complete else "at least "
    for key, count in sorted(letters.counts.items(), key=lambda item: (-item[1], item[0])):
        values = {kind: key, "messages": count, "complete": letters.complete}
        text = at_least + describe_count(count, "message")
        yield Line(name, key, LETTERS[name], text, values)


def describe_subscriptions(facts: Facts) -> Iterator[Line]:
    """Yield a line for each subscription."""
    if isinstance(facts.backlogs, Unread):
        yield Line("subscriptions", "", "unreadable", facts.backlogs.why)
        return
    for subscription in facts.deployment.subscriptions:
        backlog = facts.backlogs.get(subscription.name, BacklogFacts(None, None))
        state = "ok"
        oldest = backlog.oldest_seconds
        if backlog.messages is None:
            state, text = "backlog_unknown", "backlog unknown"
        elif not backlog.messages:
            text = "no backlog"
        else:
            age = f", the oldest {describe_seconds(oldest)}" if oldest is not None else ""
            text = f"{describe_count(backlog.messages, 'message')} unacknowledged{age}"
        if subscription.function and backlog.messages and (oldest or 0) > WAITING_SECONDS:
            state = "waiting"
        values = {
            "messages": backlog.messages,
            "oldest_seconds": oldest,
            "function": subscription.function or None,
        }
        yield Line("subscription", subscription.name, state, text, values)
