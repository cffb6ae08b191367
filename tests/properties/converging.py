"""A small world to run effects in: one handler moves at a time, and chance decides which.

Everything that may go wrong does: answers are lost, requests land late, stores fail after they
wrote, handlers stop for ever between any two steps, messages repeat, overlap and change places.
Time moves only here.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from videovector_bridge.api.errors import ServerTrouble, Unreachable
from videovector_bridge.automate.effects import Effects, Outcome, Task
from videovector_bridge.automate.record import Version
from videovector_bridge.backends.ports import Document, Timeout
from videovector_bridge.errors import BackendError, ConflictError, PermanentError, TransientError

START_SECONDS = 10.0
LEFT_SECONDS = 10.0
REQUEST_SECONDS = 30.0
CLAIM_SECONDS = START_SECONDS + REQUEST_SECONDS
STEP_SECONDS = 0.1
TICK = 1e-6


class Killed(BaseException):
    """The process of a handler ended, between two steps."""


@dataclass(frozen=True)
class Odds:
    """How often what goes wrong, and how often time leaps between two steps."""

    api: float = 0.0
    store: float = 0.0
    kill: float = 0.0
    freeze: float = 0.0
    leap: float = 0.1

    @classmethod
    def drawn(cls, random: Random) -> "Odds":
        """Odds as they fall: each kind of trouble alone, together, or not at all."""

        def some(*odds: float) -> float:
            return random.choice((0.0, *odds))

        return cls(
            some(0.3, 0.6),
            some(0.02, 0.1),
            some(0.02, 0.1),
            some(0.05, 0.2),
            random.choice((0.01, 0.05, 0.2)),
        )


@dataclass
class Handler:
    """One delivery of one event. It moves only while it has the baton."""

    event: "Event"
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    paused: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    killed: bool = False
    over: bool = False
    acked: bool = False
    frozen_until: float = 0.0
    bug: BaseException | None = None


@dataclass(frozen=True)
class Event:
    """An event that wants something of a target."""

    target: str
    version: Version
    wanted: Mapping[str, Any]


class World:
    """Targets, records, the clock and the deliveries under way."""

    def __init__(self, random: Random, odds: Odds) -> None:
        self.random = random
        self.odds = odds
        self.now = 1_000_000.0
        self.targets: dict[str, Mapping[str, Any]] = {}
        self.records: dict[str, tuple[int, dict[str, Any]]] = {}
        self.late: list[tuple[float, str, Mapping[str, Any]]] = []
        self.calls = 0
        self.writes = 0
        self.reported: list[str] = []
        self.report_fails = False
        self.current: Handler | None = None
        self.handlers: list[Handler] = []
        self.effects = Effects(
            self,
            request_seconds=REQUEST_SECONDS,
            left_seconds=LEFT_SECONDS,
            start_seconds=START_SECONDS,
            now=self.clock,
            sleep=self.sleep,
        )

    # What the effects see: a clock, a store (the port `Documents`) and an API.

    def clock(self) -> float:
        """The time; never the same twice."""
        self.now += TICK
        return self.now

    def sleep(self, seconds: float) -> None:  # noqa: ARG002 - time moves as others do
        """Let others go on; time passes as they do."""
        self.step()

    def read(self, collection: str, document_id: str, *, timeout: Timeout) -> Document | None:  # noqa: ARG002 - as the port has it
        """Read a record."""
        self.step()
        self.fail_sometimes()
        stored = self.records.get(document_id)
        return None if stored is None else Document(stored[1], stored[0], 0.0)

    def write(
        self,
        collection: str,  # noqa: ARG002 - as the port has it
        document_id: str,
        fields: Mapping[str, Any],
        *,
        replaces: Document | None,
        timeout: Timeout,  # noqa: ARG002 - likewise
        keep_seconds: float | None = None,  # noqa: ARG002 - likewise
    ) -> Document:
        """Compare and set, sometimes losing the answer in either of the two ways there are."""
        self.step()
        self.fail_sometimes()
        revision, _ = self.records.get(document_id, (0, {}))
        if revision != (replaces.revision if replaces else 0):
            raise ConflictError("somebody else was first")
        self.records[document_id] = (revision + 1, dict(fields))
        self.writes += 1
        self.step()
        self.fail_sometimes()
        if self.chance(self.odds.store):
            raise ConflictError("our own write, seen by its repetition")
        return Document(dict(fields), revision + 1, 0.0)

    def put(self, target: str, wanted: Mapping[str, Any]) -> None:
        """Send a request, which may be refused, be lost, land, or land later than its sender."""
        self.calls += 1
        fate = "ok"
        if self.chance(self.odds.api):
            fate = self.random.choice(("refused", "lost", "late", "late", "late", "lands"))
        if fate == "late":
            # Within what is left behind by whoever gives up at once, or waits to the end.
            waits = self.random.uniform(0, REQUEST_SECONDS - LEFT_SECONDS)
            left = self.random.uniform(0, LEFT_SECONDS)
            self.late.append((self.now + waits + left, target, wanted))
            self.step_until(self.now + waits)
            raise Unreachable("no answer", in_doubt=True)
        if fate in ("ok", "lands"):
            self.targets[target] = wanted
        self.step()
        if fate == "refused":
            raise ServerTrouble("later", status=503)
        if fate != "ok":
            raise Unreachable("no answer", in_doubt=True)

    def fail_sometimes(self) -> None:
        """The store is down."""
        if self.chance(self.odds.store):
            raise BackendError("the store did not answer")

    def chance(self, odds: float) -> bool:
        """Whether something happens now."""
        return self.random.random() < odds

    # Who moves, and when.

    def step(self) -> None:
        """Hand the baton back; come to life again, or not, when it is given anew."""
        handler = self.current
        if handler is None:
            return
        handler.paused.release()
        handler.go.acquire()
        if handler.killed:
            raise Killed

    def step_until(self, moment: float) -> None:
        """Wait as the sender of a request does, who cannot wait longer than the clock says."""
        self.step()
        self.pass_time(max(0.0, moment - self.now))

    def pass_time(self, seconds: float) -> None:
        """Move the clock; what was on its way lands in the order of time."""
        end = self.now + seconds
        for landing in sorted(self.late, key=lambda one: one[0]):
            moment, target, wanted = landing
            if moment <= end:
                self.late.remove(landing)
                self.targets[target] = wanted
        self.now = end

    def deliver(self, event: Event) -> Handler:
        """Start a handler of one delivery; it stands before its first step."""
        handler = Handler(event)
        self.handlers.append(handler)

        def run() -> None:
            handler.go.acquire()
            try:
                if not handler.killed:
                    self.converge(event)
                    handler.acked = True
            except (TransientError, Killed):
                pass
            except BaseException as bug:  # noqa: BLE001 - shown by the test
                handler.bug = bug
            handler.over = True
            handler.paused.release()

        threading.Thread(target=run, daemon=True).start()
        return handler

    def converge(self, event: Event) -> Outcome:
        """What a handler does."""

        def apply(task: Task) -> None:
            self.put(event.target, task.desired)

        def report(_error: PermanentError) -> None:
            self.step()
            if self.report_fails:
                raise BackendError("the topic did not answer")
            self.reported.append(event.version.event_id)
            self.step()

        return self.effects.converge(
            event.target, event.version, event.wanted, apply, report=report
        )

    def move(self, handler: Handler, *, kill: bool = False) -> None:
        """Let a handler go on to its next step, or end it there."""
        handler.killed = handler.killed or kill
        self.current = handler
        handler.go.release()
        handler.paused.acquire()
        self.current = None
        if handler.bug is not None:
            raise handler.bug

    def close(self) -> None:
        """End every handler that is still under way."""
        for handler in self.handlers:
            while not handler.over:
                self.move(handler, kill=True)


def run_to_the_end(world: World, events: list[Event], *, overlap: int, rounds: int) -> None:
    """Deliver every event, in any order and several times at once, until each is acknowledged.

    Things go wrong for `rounds` rounds, then no more.
    """
    waiting = list(events) * 2
    world.random.shuffle(waiting)
    running: list[Handler] = []
    handler: Handler | None = None
    turn = 0
    while waiting or running:
        turn += 1
        if turn > rounds:
            world.odds = Odds()
        assert turn < rounds + 20_000, "it does not come to an end"
        if waiting and len(running) < overlap and world.chance(0.5):
            running.append(world.deliver(waiting.pop(world.random.randrange(len(waiting)))))
        awake = [one for one in running if one.frozen_until <= world.now]
        if awake:
            if handler is None or handler not in awake or world.chance(0.4):
                handler = world.random.choice(awake)
            world.move(handler, kill=world.chance(world.odds.kill))
            if world.chance(world.odds.freeze):
                handler.frozen_until = world.now + world.random.uniform(0, 2 * CLAIM_SECONDS)
            if handler.over:
                running.remove(handler)
                if not handler.acked:
                    waiting.append(handler.event)
        leaps = world.chance(world.odds.leap)
        world.pass_time(world.random.uniform(0, CLAIM_SECONDS) if leaps else STEP_SECONDS)
    world.odds = Odds()
    world.pass_time(REQUEST_SECONDS + LEFT_SECONDS)
