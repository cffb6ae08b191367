"""The messages that a command has, and their leases: extended while it works, released at its end.

Memory: about 500 bytes a message.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from videovector_bridge.backends.ports import Timeout
from videovector_bridge.backends.reading_ports import MAX_PULLED, PulledMessage
from videovector_bridge.errors import BackendError

LEASE_SECONDS: Final = 180
"""How long a message is not delivered to others after this process was killed, at most."""

_RENEW_BELOW: Final = 100.0
_TICK_SECONDS: Final = 15.0
# The ack deadline of the subscriptions is a minute. A lease is extended well before.
_FIRST_SECONDS: Final = 60.0
_REQUEST_SECONDS: Final = 20.0


class LeasedMessages(Protocol):
    """What is read by pull: a part of the port `Subscriptions`, or a file."""

    def pull(self, subscription: str, *, limit: int, timeout: Timeout) -> list[PulledMessage]:
        """Return at most `limit` messages, each with a lease."""
        ...

    def acknowledge(self, subscription: str, ack_ids: Sequence[str], *, timeout: Timeout) -> None:
        """Acknowledge messages."""
        ...

    def extend(
        self, subscription: str, ack_ids: Sequence[str], seconds: int, *, timeout: Timeout
    ) -> None:
        """Let leases end in `seconds`."""
        ...


class Leases:
    """The leases of the messages of one subscription. Thread-safe.

    `report` receives a sentence when leases cannot be extended.
    """

    def __init__(
        self,
        subscriptions: LeasedMessages,
        subscription: str,
        report: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._subscriptions = subscriptions
        self._subscription = subscription
        self._report = report
        self._clock = clock
        self._lock = threading.Lock()
        self._leased: dict[str, tuple[str, float]] = {}
        self._acknowledged: set[str] = set()

    def __len__(self) -> int:
        """The number of messages with a lease."""
        with self._lock:
            return len(self._leased)

    def __contains__(self, message_id: str) -> bool:
        """Whether a message has a lease."""
        with self._lock:
            return message_id in self._leased

    def add(self, pulled: PulledMessage) -> bool:
        """Note the lease of a message. Returns whether it is new to this command."""
        with self._lock:
            is_new = pulled.message_id not in self._leased and (
                pulled.message_id not in self._acknowledged
            )
            self._leased[pulled.message_id] = (pulled.ack_id, self._clock() + _FIRST_SECONDS)
        return is_new

    def acknowledge(
        self, message_ids: Iterable[str], stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """Acknowledge messages. Raises `BackendError`; what is acknowledged has no lease then.

        It ends between two requests when `stopped` returns True.
        """
        for ids in _split(list(message_ids)):
            if stopped():
                return
            with self._lock:
                leased = [(id_, self._leased[id_][0]) for id_ in ids if id_ in self._leased]
            ack_ids = [ack_id for _, ack_id in leased]
            self._subscriptions.acknowledge(self._subscription, ack_ids, timeout=_REQUEST_SECONDS)
            with self._lock:
                for id_, _ in leased:
                    self._leased.pop(id_, None)
                    self._acknowledged.add(id_)

    def renew(self) -> None:
        """Extend the leases that end soon. A failure is reported, and tried again later."""
        now = self._clock()
        with self._lock:
            due = [id_ for id_, (_, end) in self._leased.items() if end < now + _RENEW_BELOW]
        try:
            for ids in _split(due):
                self._extend(ids, LEASE_SECONDS)
        except BackendError as error:
            self._report(f"Leases are not extended, so messages may come back: {error}")

    def release(self) -> int:
        """Let every message that is left be delivered again at once; return how many.

        A failure is reported: the leases then end by themselves.
        """
        with self._lock:
            ids = list(self._leased)
        try:
            for part in _split(ids):
                self._extend(part, 0)
                with self._lock:
                    for id_ in part:
                        self._leased.pop(id_, None)
        except BackendError as error:
            self._report(
                f"Messages are not released; they are delivered again within {LEASE_SECONDS} s: "
                f"{error}"
            )
        return len(ids)

    def _extend(self, ids: Sequence[str], seconds: int) -> None:
        with self._lock:
            leased = [(id_, self._leased[id_][0]) for id_ in ids if id_ in self._leased]
        ack_ids = [ack_id for _, ack_id in leased]
        end = self._clock() + seconds
        self._subscriptions.extend(self._subscription, ack_ids, seconds, timeout=_REQUEST_SECONDS)
        with self._lock:
            for id_, ack_id in leased:
                # Not a lease that began in the meantime.
                if self._leased.get(id_, ("", 0.0))[0] == ack_id:
                    self._leased[id_] = (ack_id, end)


@contextmanager
def extending(leases: Leases, tick: float = _TICK_SECONDS) -> Iterator[Leases]:
    """Extend the leases in a thread during the block; release what is left at its end."""
    ended = threading.Event()

    def extend() -> None:
        while not ended.wait(tick):
            leases.renew()

    thread = threading.Thread(target=extend, name="leases", daemon=True)
    thread.start()
    try:
        yield leases
    finally:
        ended.set()
        thread.join()
        leases.release()


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Return a function that says whether Ctrl-C was pressed during the block.

    So no request is cut off. A second Ctrl-C raises `KeyboardInterrupt`. For the main thread.
    """
    pressed = False

    def press(*_signal: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _split(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), MAX_PULLED):
        yield ids[start : start + MAX_PULLED]
