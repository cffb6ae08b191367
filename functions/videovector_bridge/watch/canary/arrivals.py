"""Receive the test events of webhooks from the canary's subscription."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from videovector_bridge.backends.reading_ports import PulledMessage, Subscriptions
from videovector_bridge.events import TEST, TYPE_PREFIX, is_test_event

_CALL_SECONDS: Final = 10.0
_PULLED: Final = 1_000
_RETURN_SECONDS: Final = 1  # not at once: this run would receive it again and again
# Tolerates different clocks, but not the test event of an earlier hour.
_MAX_CLOCK_SKEW: Final = timedelta(seconds=60)


class Arrivals:
    """The first test event of each webhook since `started_at`; `ids` are the webhooks' by name.

    `seconds` has the time from the start to the arrival, by name.

    Other messages are acknowledged: nobody else reads the subscription. A further test event may
    be that of another run of the canary, so it is returned to the subscription.
    Raises `BackendError`.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        subscription: str,
        ids: Mapping[str, str],
        started_at: datetime,
        clock: Callable[[], float],
        *,
        pull_seconds: float,
    ) -> None:
        self._subscriptions = subscriptions
        self._subscription = subscription
        self._ids = ids
        self._since = started_at - _MAX_CLOCK_SKEW
        self._clock = clock
        self._pull_seconds = pull_seconds
        self._started = clock()
        self.seconds: dict[str, float] = {}

    def pull(self, seconds: float) -> None:
        """Receive messages; wait for the first for `pull_seconds`, or for `seconds` if less."""
        timeout = max(0.1, min(seconds, self._pull_seconds))
        pulled = self._subscriptions.pull(self._subscription, limit=_PULLED, timeout=timeout)
        others = [message.ack_id for message in pulled if not self._is_done(message)]
        done = [message.ack_id for message in pulled if message.ack_id not in set(others)]
        if others:
            self._subscriptions.extend(
                self._subscription, others, _RETURN_SECONDS, timeout=_CALL_SECONDS
            )
        if done:
            self._subscriptions.acknowledge(self._subscription, done, timeout=_CALL_SECONDS)

    def _is_done(self, message: PulledMessage) -> bool:
        """Whether a message is ours, or of no use to any run."""
        attributes = message.message.attributes
        is_test = attributes.get("ce-type") == TYPE_PREFIX + TEST
        if not is_test or message.published_at < self._since:
            return True
        for name, webhook_id in self._ids.items():
            if name not in self.seconds and is_test_event(attributes, webhook_id):
                self.seconds[name] = self._clock() - self._started
                return True
        return False
