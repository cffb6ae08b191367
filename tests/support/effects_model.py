"""A model of VideoVector, the store and `rejected`, in which handlers of effects run.

One handler moves at a time, and a random choice decides which. Every failure occurs: responses are
lost, requests take effect late, VideoVector refuses states, the store and `rejected` fail before or
after a write, handlers stop between any two steps, messages are repeated, overlap and change order.
Only the model moves its clock. `promises.py` checks the results.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.support.promises import Event, Ledger, Message, Response
from videovector_bridge.api.errors import (
    ServerTrouble,
    UnexpectedResponse,
    Unreachable,
    ValidationRefused,
)
from videovector_bridge.automate.effects.effects import Effects
from videovector_bridge.automate.effects.task import Outcome, Task
from videovector_bridge.backends.ports import Document, Timeout
from videovector_bridge.errors import BackendError, ConflictError, PermanentError, TransientError

START_SECONDS = 10.0
LEFT_SECONDS = 10.0
REQUEST_SECONDS = 30.0
CLAIM_SECONDS = START_SECONDS + REQUEST_SECONDS
STEP_SECONDS = 0.1
SLOW_SECONDS = (20 * STEP_SECONDS, REQUEST_SECONDS - LEFT_SECONDS)
TICK = 1e-6


class Killed(BaseException):
    """The process of a handler ended between two steps."""


@dataclass(frozen=True)
class Odds:
    """The probability of each failure, and of a long time between two steps."""

    api: float = 0.0
    slow: float = 0.0
    store: float = 0.0
    report: float = 0.0
    kill: float = 0.0
    freeze: float = 0.0
    redrive: float = 0.0
    delete: float = 0.0
    leap: float = 0.1

    @classmethod
    def drawn(cls, random: Random) -> "Odds":
        """Random odds: each kind of failure alone, with others, or not at all."""

        def some(*odds: float) -> float:
            return random.choice((0.0, 0.0, *odds))

        return cls(
            api=some(0.3, 0.6),
            slow=some(0.5, 0.9),
            store=some(0.02, 0.1),
            report=some(0.3, 0.6),
            kill=some(0.02, 0.1),
            freeze=some(0.05, 0.2),
            redrive=some(0.02),
            leap=random.choice((0.0, 0.01, 0.05, 0.2)),
        )


@dataclass
class Handler:
    """One delivery of one message. It runs only between `go` and `paused`."""

    message: Message
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    paused: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    killed: bool = False
    over: bool = False
    acked: bool = False
    frozen_until: float = 0.0
    bug: BaseException | None = None


class EffectsModel:
    """Targets, records, the clock, and the deliveries in progress.

    A test replaces requests to VideoVector by `put_instead`, and writes of records by
    `write_instead`, until it sets them to None.
    """

    def __init__(self, random: Random, odds: Odds) -> None:
        self.random = random
        self.odds = odds
        self.now = 1_000_000.0
        self.targets: dict[str, Mapping[str, Any]] = {}
        self.records: dict[str, tuple[int, dict[str, Any]]] = {}
        self.late: list[tuple[float, str, Mapping[str, Any]]] = []
        self.calls = 0
        self.writes = 0
        self.ledger = Ledger()
        self.corrected = False
        self.current: Handler | None = None
        self.handlers: list[Handler] = []
        self.put_instead: Callable[[str, Mapping[str, Any]], None] | None = None
        self.write_instead: Callable[..., Document] | None = None
        self.reports_fail = False
        self.report_seconds = 0.0
        self.effects = Effects(
            self,
            request_seconds=REQUEST_SECONDS,
            late_seconds=LEFT_SECONDS,
            start_seconds=START_SECONDS,
            now=self.clock,
            sleep=self.sleep,
        )

    # For the effects: a clock, a store (the port `Documents`) and an API.

    def clock(self) -> float:
        """The current time, never the same twice."""
        self.now += TICK
        return self.now

    def sleep(self, seconds: float) -> None:  # noqa: ARG002 - others move the clock
        """Let other handlers run; they move the clock."""
        self.step()

    def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:  # noqa: ARG002 - as the port has it
        """Read a record."""
        self.step()
        self.fail_sometimes()
        stored = self.records.get(document_id)
        return None if stored is None else Document(stored[1], stored[0], 0.0)

    def write(
        self,
        collection: str,
        document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,
        keep_seconds: float | None = None,
    ) -> Document:
        """Compare and set. At times the response is lost, in either of two ways."""
        if self.write_instead is not None:
            return self.write_instead(
                collection,
                document_id,
                fields,
                replaces=replaces,
                timeout=timeout,
                keep_seconds=keep_seconds,
            )
        self.step()
        self.fail_sometimes()
        revision, before = self.records.get(document_id, (0, {}))
        if revision != (replaces.revision if replaces else 0):
            raise ConflictError("another attempt was first")
        self.ledger.check_write(before.get("pending", ()), fields["pending"])
        self.writes += 1
        revision = self.writes  # never reused, not even after a deletion
        self.records[document_id] = (revision, dict(fields))
        self.step()
        self.fail_sometimes()
        if self.chance(self.odds.store):
            raise ConflictError("the retry of our own write")
        return Document(dict(fields), revision, 0.0)

    def apply(self, target: str, task: Task) -> None:
        """Set or delete the target. Deletes only what the bridge may have created."""
        if "absent" in task.desired and not task.created:
            self.ledger.accept(target, task.desired)
        else:
            self.put(target, task.desired)

    def put(self, target: str, desired: Mapping[str, Any]) -> None:
        """Send a request, which may fail, be lost, take effect, or take effect late."""
        if self.put_instead is not None:
            self.put_instead(target, desired)
            return
        self.calls += 1
        response = self.response_to(target, desired)
        fate = "ok"
        if self.chance(self.odds.api):
            fates = ("unavailable", "lost", "late", "late", "late", "no response")
            fate = self.random.choice(fates)
        if fate == "late":
            # Its sender stops waiting at any time, and the request takes effect soon afterwards.
            waits = self.random.uniform(0, REQUEST_SECONDS - LEFT_SECONDS)
            left = self.random.uniform(0, LEFT_SECONDS)
            if response != "refused":
                self.late.append((self.now + waits + left, target, desired))
            self.step_until(self.now + waits)
            raise Unreachable("no response", outcome_unknown=True)
        if fate in ("ok", "no response") and response != "refused":
            self.take_effect(target, desired)
        self.step()
        if fate == "unavailable":
            raise ServerTrouble("later", status=503)
        if fate != "ok":
            raise Unreachable("no response", outcome_unknown=True)
        if response == "refused":
            raise ValidationRefused("no such colour", status=422)
        if response == "garbled":
            raise UnexpectedResponse("a response of another form", status=200)
        self.ledger.accept(target, desired)

    def take_effect(self, target: str, desired: Mapping[str, Any]) -> None:
        """Change the target, at once or while other handlers run."""
        if not self.chance(self.odds.slow):
            self.change(target, desired)
            return
        moment = self.now + self.random.uniform(0, self.random.choice(SLOW_SECONDS))
        self.late.append((moment, target, desired))
        while self.now < moment:
            self.step()

    def change(self, target: str, desired: Mapping[str, Any]) -> None:
        """Change the target now."""
        self.targets.pop(target, None)
        if "absent" not in desired:
            self.targets[target] = desired

    def response_to(self, target: str, desired: Mapping[str, Any]) -> Response:
        """Return how VideoVector responds to the state at this attempt."""
        events = self.ledger.events.values()
        asking = (event for event in events if (event.target, event.desired) == (target, desired))
        response: Response = next((event.response for event in asking), "accepted")
        if response not in ("refused until corrected", "refused at times"):
            return response
        refused = not self.corrected and (response != "refused at times" or self.chance(0.5))
        return "refused" if refused else "accepted"

    def report(self, event: Event) -> None:
        """Publish to `rejected`, which may fail before or after it stores the message."""
        if self.reports_fail:
            raise BackendError("the topic did not respond")
        self.pass_time(self.report_seconds)
        self.step()
        fails = self.chance(self.odds.report)
        if not fails or self.chance(0.3):
            self.ledger.reports[event.key] += 1
        self.step()
        if fails:
            raise BackendError("the topic did not respond")

    def fail_sometimes(self) -> None:
        """Raise an error of the store, at times."""
        if self.chance(self.odds.store):
            raise BackendError("the store did not respond")

    def chance(self, odds: float) -> bool:
        """Whether an event of this probability happens now."""
        return self.random.random() < odds

    # The scheduling of handlers.

    def step(self) -> None:
        """Stop the handler that runs here, until the test moves it or kills it."""
        handler = self.current
        if handler is None:
            return
        handler.paused.release()
        handler.go.acquire()
        if handler.killed:
            raise Killed

    def step_until(self, moment: float) -> None:
        """Wait until a time, as the sender of a request does."""
        self.step()
        self.pass_time(max(0.0, moment - self.now))

    def pass_time(self, seconds: float) -> None:
        """Move the clock. Late requests take effect in the order of time."""
        end = self.now + seconds
        for landing in sorted(self.late, key=lambda one: one[0]):
            moment, target, desired = landing
            if moment <= end:
                self.late.remove(landing)
                self.change(target, desired)
        self.now = end

    def publish(self, event: Event) -> Message:
        """Publish an event, for the first time or again."""
        return self.ledger.publish(event)

    def deliver(self, message: Message) -> Handler:
        """Start a handler of one delivery. It waits before its first step."""
        handler = Handler(message)
        self.handlers.append(handler)

        def run() -> None:
            handler.go.acquire()
            try:
                if not handler.killed:
                    self.converge(message)
                    handler.acked = True
            except (TransientError, Killed):
                pass
            except BaseException as bug:  # noqa: BLE001 - shown by the test
                handler.bug = bug
            handler.over = True
            handler.paused.release()

        threading.Thread(target=run, daemon=True).start()
        return handler

    def converge(self, message: Message) -> Outcome:
        """Run a handler to its end in this thread."""
        event = message.event

        def apply(task: Task) -> None:
            self.apply(event.target, task)

        def report(_error: PermanentError) -> None:
            self.report(event)

        outcome = self.effects.converge(
            event.target, event.version, event.desired, apply, report=report
        )
        self.ledger.check_acknowledgement(message)
        return outcome

    def move(self, handler: Handler, *, kill: bool = False) -> None:
        """Let a handler run to its next step, or kill it there."""
        handler.killed = handler.killed or kill
        self.current = handler
        handler.go.release()
        handler.paused.acquire()
        self.current = None
        if handler.bug is not None:
            raise handler.bug

    def check_end(self) -> None:
        """Check the promises when every message is acknowledged. Raises `PromiseBroken`."""
        records = {target: fields for target, (_, fields) in self.records.items()}
        self.ledger.check_end(self.targets, records, corrected=self.corrected)

    def close(self) -> None:
        """Kill every handler that is not over."""
        for handler in self.handlers:
            while not handler.over:
                self.move(handler, kill=True)
