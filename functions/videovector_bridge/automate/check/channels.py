"""Find globs that match no known event type of their channel. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.actions.announce import CHANNEL as OWN_CHANNEL
from videovector_bridge.automate.automations.globs import can_match
from videovector_bridge.automate.mistakes import did_you_mean
from videovector_bridge.automate.plan import Automation
from videovector_bridge.automate.vocabulary import (
    DOCUMENTED_TYPES,
    OPEN_PREFIXES,
    STREAM_ERROR,
    STREAM_TYPES,
    WATCH_TYPES,
)
from videovector_bridge.work import STEPS

_OPEN: Final = tuple(f"{prefix}*" for prefix in OPEN_PREFIXES)


def find_idle_globs(automation: Automation, globs: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield a description and a hint for each glob that matches no type of the channel."""
    for glob in globs:
        if glob == STREAM_ERROR:
            what = "ends a connection to the stream and is never published"
            yield f"{glob!r} {what}", "leave it out: `drain` counts and logs it"
        elif not _may_match(glob, automation.channel):
            yield _explain(glob, automation)


def _explain(glob: str, automation: Automation) -> tuple[str, str]:
    channel = automation.channel
    if not _may_match(glob, "") and not _may_match(glob, OWN_CHANNEL):
        known = (*DOCUMENTED_TYPES, *STREAM_TYPES, *_own_types())
        what = f"matches no documented event, nor {' or '.join(_OPEN)}"
        return f"{glob!r} {what}", did_you_mean(glob, known)
    alone = ", in a separate automation" if len(automation.on) > 1 else ""
    if not channel:
        what = f"matches only events of the bridge itself, which have channel {OWN_CHANNEL!r}"
        return f"{glob!r} {what}", f'write channel = "{OWN_CHANNEL}"{alone}'
    what = f"{glob!r} matches no known event of channel {channel!r}"
    right = ("stream", "webhook", OWN_CHANNEL)
    fix = next(f'write channel = "{fitting}"' for fitting in right if _may_match(glob, fitting))
    return what, f"{'leave channel out, or ' if _may_match(glob, '') else ''}{fix}{alone}"


def _may_match(glob: str, channel: str) -> bool:
    """Whether `glob` may match an event of a channel, by default of VideoVector's two channels.

    No reference lists the stream's types, so they may include those of webhooks.
    """
    match channel:
        case "webhook":
            return can_match(glob, DOCUMENTED_TYPES, ())
        case "bridge":
            return can_match(glob, _own_types(), ())
        case "reconciled":
            return can_match(glob, (type_ for type_, step in STEPS.items() if step.result), ())
    return can_match(glob, (*DOCUMENTED_TYPES, *STREAM_TYPES), OPEN_PREFIXES)


def _own_types() -> tuple[str, ...]:
    """Return the types that the bridge publishes. Not a constant, because a test adds an action."""
    return (*WATCH_TYPES, *(action.emits for action in ACTIONS.values() if action.emits))
