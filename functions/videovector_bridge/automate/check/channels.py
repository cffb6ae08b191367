"""Which event types each channel carries, as far as it is known. Pure."""

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
)

_OPEN: Final = tuple(f"{prefix}*" for prefix in OPEN_PREFIXES)


def idle_globs(automation: Automation, globs: Iterable[str]) -> Iterator[tuple[str, str]]:
    """For each of `globs` that fits nothing on the automation's channel: what is wrong, the fix."""
    for glob in globs:
        if glob == STREAM_ERROR:
            what = (
                "ends a connection to the stream and is not published, so nothing follows from it"
            )
            yield f"{glob!r} {what}", "leave it out: `drain` counts and logs it"
        elif not _fits(glob, automation.channel):
            yield _explain(glob, automation)


def _explain(glob: str, automation: Automation) -> tuple[str, str]:
    asked = automation.channel
    if not _fits(glob, "") and not _fits(glob, OWN_CHANNEL):
        known = (*DOCUMENTED_TYPES, *STREAM_TYPES, *_own_types())
        what = f"fits no event that is documented, nor {' or '.join(_OPEN)}"
        return f"{glob!r} {what}", did_you_mean(glob, known)
    alone = ", in an automation of its own" if len(automation.on) > 1 else ""
    if not asked:
        what = f"fits only events of the bridge itself, which channel {OWN_CHANNEL!r} carries"
        return f"{glob!r} {what}", f'write channel = "{OWN_CHANNEL}"{alone}'
    what = f"{glob!r} fits no event that channel {asked!r} is known to carry"
    right = ("stream", "webhook", OWN_CHANNEL)
    fix = next(f'write channel = "{each}"' for each in right if _fits(glob, each))
    return what, f"{'leave channel out, or ' if _fits(glob, '') else ''}{fix}{alone}"


def _fits(glob: str, channel: str) -> bool:
    """Whether `glob` may fit an event of a channel; without one, of either of VideoVector's.

    No reference lists the stream's types, so that they may be those of webhooks, too.
    """
    match channel:
        case "webhook":
            return can_match(glob, DOCUMENTED_TYPES, ())
        case "bridge":
            return can_match(glob, _own_types(), ())
    return can_match(glob, (*DOCUMENTED_TYPES, *STREAM_TYPES), OPEN_PREFIXES)


def _own_types() -> tuple[str, ...]:
    """What the actions publish; read late, for a test may add an action."""
    return tuple(action.emits for action in ACTIONS.values() if action.emits)
