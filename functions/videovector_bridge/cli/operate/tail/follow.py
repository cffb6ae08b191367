"""Show the messages that arrive on a subscription, until there is a reason to stop."""

import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from videovector_bridge.backends.pubsub_filter import Passes
from videovector_bridge.backends.reading_ports import PulledMessage, Subscriptions
from videovector_bridge.cli.operate.tail.lines import event_type

PAGE: Final = 20
"""Messages of one pull. A message has at most 10 MB, so this bounds the memory: 200 MB."""

_POLL_SECONDS: Final = 2.0
_REQUEST_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages to show: those that pass the filter, whose event type matches a glob."""

    passes: Passes
    glob: str = ""

    def includes(self, message: PulledMessage) -> bool:
        """Whether to show a message. One without a type matches no glob."""
        attributes = message.message.attributes
        type_ = event_type(attributes)
        matches = not self.glob or (bool(type_) and fnmatchcase(type_, self.glob))
        return matches and self.passes(attributes)


def follow(
    subscriptions: Subscriptions,
    subscription: str,
    selection: Selection,
    show: Callable[[PulledMessage], None],
    *,
    seconds: float | None = None,
    count: int | None = None,
    is_open: Callable[[], bool] = lambda: True,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Show each selected message, until `seconds` passed or `count` are shown; return how many.

    Also ends when the output is no longer open. Acknowledges every message: the subscription is
    the command's own. Raises `BackendError`.
    """
    end = None if seconds is None else clock() + seconds
    shown = 0
    while is_open() and (count is None or shown < count):
        left = _POLL_SECONDS if end is None else min(_POLL_SECONDS, end - clock())
        if left <= 0:
            break
        pulled = subscriptions.pull(subscription, limit=PAGE, timeout=left)
        if not pulled:
            continue
        ack_ids = [each.ack_id for each in pulled]
        subscriptions.acknowledge(subscription, ack_ids, timeout=_REQUEST_SECONDS)
        selected = [each for each in pulled if selection.includes(each)]
        for each in selected[: None if count is None else count - shown]:
            show(each)
            shown += 1
    return shown


def is_output_open() -> bool:
    """Whether standard output still has a reader. Without this, a closed pipe is found late."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # not a file, as in tests
        return True
    poll = select.poll()
    poll.register(descriptor, 0)
    return not any(event & (select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))
