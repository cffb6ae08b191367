"""`backends.gcp.subscriptions`: the end of a pull from an empty subscription."""

from types import SimpleNamespace
from typing import Any

from google.api_core.exceptions import Cancelled

from videovector_bridge.backends.gcp.retry import Retry
from videovector_bridge.backends.gcp.subscriptions import PubSubSubscriptions


class Clock:
    """A clock that moves by `step` at each call."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        """Return the time."""
        self.now += self.step
        return self.now


class EmptySubscription:
    """Responds at once, without a message; or cancels requests that have little time."""

    def pull(self, *, timeout: float, **_request: Any) -> SimpleNamespace:
        """Respond."""
        if timeout < 0.01:
            raise Cancelled("Stream removed")  # type: ignore[no-untyped-call]
        return SimpleNamespace(received_messages=[])


def test_a_pull_whose_time_ends_between_two_requests_returns_nothing() -> None:
    """At whatever moment of its steps the time ends."""
    for number in range(1, 40):
        subscriptions = PubSubSubscriptions("p", Retry(clock=Clock(1.0), sleep=lambda _: None))
        client = EmptySubscription()
        subscriptions._client = SimpleNamespace(get=lambda client=client: client)  # type: ignore[assignment]

        assert subscriptions.pull("s", limit=1, timeout=number + 0.001) == []
