"""Look at the messages of a subscription and release them at once.

Others get them a moment later, as if nothing had happened. A redrive that runs has leases on its
messages, which are not seen here.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from videovector_bridge.backends.reading_ports import PulledMessage, Subscriptions
from videovector_bridge.errors import BackendError
from videovector_bridge.watch.status.facts import LetterFacts

MOST_MESSAGES: Final = 500
# A message has up to 10 MB; only its key is kept.
_PAGE: Final = 20
_PEEK_SECONDS: Final = 8.0
_WAIT_SECONDS: Final = 2.0
_RELEASE_SECONDS: Final = 5.0


def peek(
    subscriptions: Subscriptions,
    subscription: str,
    find_key: Callable[[PulledMessage], str],
    *,
    seconds: float = _PEEK_SECONDS,
    wait: float = _WAIT_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> LetterFacts:
    """Count messages by key, at most `MOST_MESSAGES` and at most `seconds`.

    Raises `BackendError`, also if they cannot be released: then others get them after a minute.
    """
    end = clock() + seconds
    keys: dict[str, str] = {}
    leases: list[str] = []
    complete = False
    try:
        while len(keys) < MOST_MESSAGES and (left := end - clock()) > 0:
            pulled = subscriptions.pull(subscription, limit=_PAGE, timeout=min(wait, left))
            leases += [each.ack_id for each in pulled]
            new = {each.message_id: find_key(each) for each in pulled}
            # An empty pull before the end of `wait` was cut short by `seconds`.
            if not pulled and left >= wait:
                complete = True
            if not pulled or new.keys() <= keys.keys():
                break
            keys |= new
    finally:
        _release(subscriptions, subscription, leases)
    return LetterFacts(dict(Counter(keys.values())), complete)


def _release(subscriptions: Subscriptions, subscription: str, leases: list[str]) -> None:
    try:
        subscriptions.extend(subscription, leases, 0, timeout=_RELEASE_SECONDS)
    except BackendError as error:
        raise BackendError(
            f"The messages of {subscription} were read, but are not released: others get them "
            f"after a minute. {error}"
        ) from error
