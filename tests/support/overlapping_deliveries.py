"""How Pub/Sub delivers in the small world: overlapping, repeated, in any order, until acknowledged.

Between deliveries people publish rejected events again, or delete records.
"""

from tests.support.converging import (
    CLAIM_SECONDS,
    LEFT_SECONDS,
    REQUEST_SECONDS,
    STEP_SECONDS,
    Handler,
    Odds,
    World,
)
from tests.support.promises import Message, PromiseBroken

_MOST_TURNS = 20_000


def run_to_the_end(
    world: World, messages: list[Message], *, overlap: int, rounds: int, copies: int | None = None
) -> None:
    """Deliver every message, up to `overlap` at a time, until each is acknowledged.

    Each is there `copies` times: by default, once or twice. Things go wrong for `rounds` turns,
    then no more. Raises `PromiseBroken` where it never ends.
    """
    copies = copies or world.random.choice((1, 2))
    deliveries = _Deliveries(world, messages * copies, overlap)
    turn = 0
    while deliveries.waiting or deliveries.running:
        turn += 1
        if turn > rounds:
            world.odds = Odds()
        if turn > rounds + _MOST_TURNS:
            raise PromiseBroken("deliveries do not come to an end")
        deliveries.start_one()
        deliveries.move_one()
        deliveries.intervene()
        leaps = world.chance(world.odds.leap)
        world.pass_time(world.random.uniform(0, CLAIM_SECONDS) if leaps else STEP_SECONDS)
    world.odds = Odds()
    world.pass_time(REQUEST_SECONDS + LEFT_SECONDS)


class _Deliveries:
    """The messages that are waiting, each with the time of its next delivery, and the handlers."""

    def __init__(self, world: World, messages: list[Message], overlap: int) -> None:
        self._world = world
        self._overlap = overlap
        self._last: Handler | None = None
        self.running: list[Handler] = []
        waiting = list(messages)
        if world.chance(0.5):
            world.random.shuffle(waiting)
        else:  # each delivery meets the one of the event before it
            waiting.sort(key=lambda message: message.event.place)
        self.waiting = [(world.now, message) for message in waiting]

    def start_one(self) -> None:
        """Deliver a message that is due, perhaps. With nothing else to do, wait for one."""
        world = self._world
        if self.waiting and not self.running:
            world.pass_time(max(0.0, min(due for due, _ in self.waiting) - world.now))
        ready = next((each for each in self.waiting if each[0] <= world.now), None)
        if ready is not None and len(self.running) < self._overlap and world.chance(0.5):
            self.waiting.remove(ready)
            self.running.append(world.deliver(ready[1]))

    def move_one(self) -> None:
        """Let one handler take its next step, and see what becomes of its message."""
        world = self._world
        awake = [one for one in self.running if one.frozen_until <= world.now]
        if not awake:
            return
        if self._last not in awake or world.chance(0.8):
            self._last = world.random.choice(awake)
        handler = self._last
        assert handler is not None
        world.move(handler, kill=world.chance(world.odds.kill))
        if world.chance(world.odds.freeze):
            handler.frozen_until = world.now + world.random.uniform(0, 2 * CLAIM_SECONDS)
        if handler.over:
            self.running.remove(handler)
            if not handler.acked:
                backoff = world.random.uniform(0, CLAIM_SECONDS / 4)
                self.waiting.append((world.now + backoff, handler.message))

    def intervene(self) -> None:
        """Do what people do now and then: redrive a rejected event, or delete a record."""
        world = self._world
        if world.chance(world.odds.delete) and world.records:
            del world.records[world.random.choice(sorted(world.records))]
        rejected = world.ledger.rejected()
        if rejected and world.chance(world.odds.redrive):
            self.waiting.append((world.now, world.publish(world.random.choice(rejected))))
