"""Derive the filters of the actions' subscriptions from the automations. Pure.

A function is started only for events that its automations may apply to. A filter may pass more
events, but never fewer: https://cloud.google.com/pubsub/docs/subscription-message-filter
"""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import combinations, takewhile
from typing import Final, NamedTuple

from videovector_bridge.automate.action import Action
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.actions.announce import CHANNEL as OWN_CHANNEL
from videovector_bridge.automate.plan import Automation
from videovector_bridge.automate.vocabulary import WATCH_TYPES
from videovector_bridge.events import TYPE_PREFIX
from videovector_bridge.work import RECONCILED, STEPS

MAX_FILTER_BYTES: Final = 256
# Passes no message, because every message of the bridge has a type.
NOTHING: Final = 'NOT attributes:"ce-type"'
_LITERAL: Final = re.compile(r'[^*?\["\\\x00-\x1f\x7f-\U0010ffff]*')


class _Term(NamedTuple):
    """An event type, or with `more` all types that begin with `text`."""

    text: str
    more: bool

    def __str__(self) -> str:
        value = TYPE_PREFIX + self.text
        if self.more:
            return f'hasPrefix(attributes."ce-type", "{value}")'
        return f'attributes."ce-type" = "{value}"'

    def covers(self, other: "_Term") -> bool:
        """Whether this term passes every type that `other` passes."""
        return other.text.startswith(self.text) if self.more else self == other


def derive_filters(automations: Sequence[Automation]) -> dict[str, str]:
    """Derive the filter of each action's subscription. Empty if every message passes."""
    return {
        name: _derive_filter(
            [automation for automation in automations if automation.action == name]
        )
        for name in ACTIONS
    }


def _derive_filter(automations: Sequence[Automation]) -> str:
    if not automations:
        return NOTHING
    channel = _derive_channel(automations)
    terms = _drop_covered(_parse_glob(glob) for automation in automations for glob in automation.on)
    while len(text := _join(terms, channel)) > MAX_FILTER_BYTES:
        terms = _coarsen(terms)
    return text


def _parse_glob(glob: str) -> _Term:
    literal = _LITERAL.match(glob)
    text = literal[0] if literal else ""
    return _Term(text, more=text != glob)


def _drop_covered(terms: Iterable[_Term]) -> list[_Term]:
    """Return the terms in order, without those that another covers."""
    distinct = list(dict.fromkeys(terms))
    return [
        term
        for term in distinct
        if not any(other != term and other.covers(term) for other in distinct)
    ]


def _coarsen(terms: list[_Term]) -> list[_Term]:
    """Reduce the terms: join the two with the longest common prefix, or halve a single one."""
    if len(terms) == 1:
        return [_Term(terms[0].text[: len(terms[0].text) // 2], more=True)]
    pair = max(combinations(terms, 2), key=lambda pair: len(_find_common_prefix(*pair)))
    joined = _Term(_find_common_prefix(*pair), more=True)
    return _drop_covered(joined if term in pair else term for term in terms)


def _find_common_prefix(first: _Term, second: _Term) -> str:
    pairs = zip(first.text, second.text, strict=False)
    return "".join(char for char, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _join(terms: list[_Term], channel: str) -> str:
    every_type = any(term.more and not term.text for term in terms)
    types = "" if every_type else " OR ".join(map(str, terms))
    if types and channel and len(terms) > 1:
        types = f"({types})"
    return " AND ".join(filter(None, (channel, types)))


def _derive_channel(automations: Sequence[Automation]) -> str:
    """Derive the condition on the channel. Empty if any channel may pass.

    It is the channel that all automations name, also where it is reconciled, or any channel but
    the bridge's own.
    """
    channels = {automation.channel for automation in automations}
    globs = [glob for automation in automations for glob in automation.on]
    if len(channels) == 1 and "" not in channels:
        (channel,) = channels
        return _name_channel(channel, may_be_reconciled=_matches_end(globs, channel))
    if OWN_CHANNEL not in channels and any(
        _matches_own_event(glob, ACTIONS.values()) for glob in globs
    ):
        return f'NOT attributes."ce-channel" = "{OWN_CHANNEL}"'
    return ""


def _name_channel(channel: str, *, may_be_reconciled: bool) -> str:
    condition = f'attributes."ce-channel" = "{channel}"'
    if may_be_reconciled:
        return f'({condition} OR attributes."ce-channel" = "{RECONCILED}")'
    return condition


def _matches_end(globs: Iterable[str], channel: str) -> bool:
    """Whether a glob matches a type that is published in the place of one of the channel."""
    ends = [type_ for type_, step in STEPS.items() if step.result and step.channel == channel]
    return any(fnmatchcase(type_, glob) for glob in globs for type_ in ends)


def _matches_own_event(glob: str, actions: Iterable[Action]) -> bool:
    types = (*WATCH_TYPES, *(action.emits for action in actions if action.emits))
    return any(fnmatchcase(each, glob) for each in types)
