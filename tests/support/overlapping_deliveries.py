"""The deliveries of Pub/Sub in the model: overlapping, repeated, and in any order.

Each message is delivered until it is acknowledged. Between deliveries people publish rejected
events again, or delete records.
"""

from tests.support.effects_model import (
    CLAIM_SECONDS,
    LEFT_SECONDS,
    REQUEST_SECONDS,
    STEP_SECONDS,
    EffectsModel,
    Handler,
    Odds,
)
from tests.support.promises import Message, PromiseBroken

_MOST_TURNS = 20_000


def run_to_the_end(
    model: EffectsModel,
    messages: list[Message],
    *,
    overlap: int,
    rounds: int,
    copies: int | None = None,
) -> None:
    """Deliver every message, up to `overlap` at a time, until each is acknowledged.

    Each message is delivered `copies` times, by default once or twice. Failures occur during the
    first `rounds` turns. Raises `PromiseBroken` if the deliveries do not end.
    """
    copies = copies or model.random.choice((1, 2))
    deliveries = _Deliveries(model, messages * copies, overlap)
    turn = 0
    while deliveries.waiting or deliveries.running:
        turn += 1
        if turn > rounds:
            model.odds = Odds()
        if turn > rounds + _MOST_TURNS:
            raise PromiseBroken("deliveries do not come to an end")
        deliveries.start_one()
        deliveries.move_one()
        deliveries.intervene()
        leaps = model.chance(model.odds.leap)
        model.pass_time(model.random.uniform(0, CLAIM_SECONDS) if leaps else STEP_SECONDS)
    model.odds = Odds()
    model.pass_time(REQUEST_SECONDS + LEFT_SECONDS)


class _Deliveries:
    """The waiting messages, each with the time of its next delivery, and the running handlers."""

    def __init__(self, model: EffectsModel, messages: list[Message], overlap: int) -> None:
        self._model = model
        self._overlap = overlap
        self._last: Handler | None = None
        self.running: list[Handler] = []
        waiting = list(messages)
        if model.chance(0.5):
            model.random.shuffle(waiting)
        else:  # each delivery meets the one of the event before it
            waiting.sort(key=lambda message: message.event.place)
        self.waiting = [(model.now, message) for message in waiting]

    def start_one(self) -> None:
        """Deliver a message that is due, at times. If no handler runs, wait until one is due."""
        model = self._model
        if self.waiting and not self.running:
            model.pass_time(max(0.0, min(due for due, _ in self.waiting) - model.now))
        ready = next((each for each in self.waiting if each[0] <= model.now), None)
        if ready is not None and len(self.running) < self._overlap and model.chance(0.5):
            self.waiting.remove(ready)
            self.running.append(model.deliver(ready[1]))

    def move_one(self) -> None:
        """Let one handler run to its next step. Schedule the redelivery if it failed."""
        model = self._model
        awake = [one for one in self.running if one.frozen_until <= model.now]
        if not awake:
            return
        if self._last not in awake or model.chance(0.8):
            self._last = model.random.choice(awake)
        handler = self._last
        assert handler is not None
        model.move(handler, kill=model.chance(model.odds.kill))
        if model.chance(model.odds.freeze):
            handler.frozen_until = model.now + model.random.uniform(0, 2 * CLAIM_SECONDS)
        if handler.over:
            self.running.remove(handler)
            if not handler.acked:
                backoff = model.random.uniform(0, CLAIM_SECONDS / 4)
                self.waiting.append((model.now + backoff, handler.message))

    def intervene(self) -> None:
        """At times, redrive a rejected event or delete a record, as people do."""
        model = self._model
        if model.chance(model.odds.delete) and model.records:
            del model.records[model.random.choice(sorted(model.records))]
        rejected = model.ledger.rejected()
        if rejected and model.chance(model.odds.redrive):
            self.waiting.append((model.now, model.publish(model.random.choice(rejected))))
