"""What effects promise, checked from outside: by what VideoVector and `rejected` saw.

Nothing here uses `record.py` or `effects.py`. Of a record it reads which events are pending, of
`rejected` how often it got an event, of VideoVector which states it accepted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from videovector_bridge.automate.effects.record import Version

Answer = Literal["accepted", "refused", "refused until corrected", "refused at times", "garbled"]
"""How VideoVector answers a state: `garbled` takes effect, but its answer cannot be understood."""


_FIRST: Final = ("", "", "")


class PromiseBroken(AssertionError):
    """A promise was broken; says which, and for which event."""


@dataclass(frozen=True, eq=False)
class Event:
    """An event that asks for a state of a target."""

    target: str
    created_at: str
    event_id: str
    source: str
    desired: Mapping[str, Any]
    answer: Answer = "accepted"

    @property
    def place(self) -> tuple[str, str, str]:
        """Its place in an in-order pass."""
        return self.created_at, self.event_id, self.source

    @property
    def state(self) -> Mapping[str, Any] | None:
        """The target as the event asks for it; None for no target."""
        return None if "absent" in self.desired else self.desired

    @property
    def key(self) -> str:
        """Its name in a record."""
        return f"{self.event_id}@{self.source}"

    @property
    def version(self) -> Version:
        """What `Effects` are called with."""
        return Version(*self.place)


@dataclass(frozen=True)
class Message:
    """One publication of an event; how often what had been reported before."""

    event: Event
    reported_before: Mapping[str, int]


@dataclass
class Ledger:
    """What was published, accepted and reported, in the order in which it happened."""

    events: dict[str, Event] = field(default_factory=dict)
    reports: Counter[str] = field(default_factory=Counter)
    accepted: dict[str, set[Event]] = field(default_factory=dict)

    def publish(self, event: Event) -> Message:
        """Note that an event is published, for the first time or again."""
        self.events[event.key] = event
        return Message(event, dict(self.reports))

    def accept(self, target: str, desired: Mapping[str, Any]) -> None:
        """Note that VideoVector confirmed a state, and the sender knows."""
        for event in self.events.values():
            if event.target == target and event.desired == desired:
                self.accepted.setdefault(target, set()).add(event)

    def newest_accepted(self, target: str) -> tuple[str, str, str]:
        """The place of the newest event whose state VideoVector confirmed; before all others."""
        return max((each.place for each in self.accepted.get(target, ())), default=_FIRST)

    def rejected(self) -> list[Event]:
        """The events that are on `rejected`."""
        return [event for event in self.events.values() if self.reports[event.key]]

    def check_write(self, before: Iterable[str], after: Iterable[str]) -> None:
        """An event stops being pending when its outcome is known to the world, and not before."""
        for key in set(before) - set(after):
            event = self.events.get(key)
            if event is not None and not self.is_settled(event, {}):
                raise PromiseBroken(f"{key} stops being pending without an outcome")

    def check_acknowledgement(self, message: Message) -> None:
        """A message is acknowledged when its event is settled, since it was published."""
        if not self.is_settled(message.event, message.reported_before):
            raise PromiseBroken(f"{message.event.key} is acknowledged without an outcome")

    def is_settled(self, event: Event, reported_before: Mapping[str, int]) -> bool:
        """A state at least as new was accepted, or the refusal of this one is on `rejected`."""
        accepted = self.newest_accepted(event.target) >= event.place
        return accepted or self.reports[event.key] > reported_before.get(event.key, 0)

    def check_end(
        self,
        targets: Mapping[str, Mapping[str, Any]],
        records: Mapping[str, Mapping[str, Any]],
        *,
        corrected: bool,
    ) -> None:
        """What holds when every message is acknowledged.

        `corrected`: VideoVector accepts by now what it refused for a while, and what was reported
        has been published again since.
        """
        for target in {event.target for event in self.events.values()}:
            mine = [event for event in self.events.values() if event.target == target]
            state = targets.get(target)
            self._check_record(target, state, records[target])
            self._check_newer_are_reported(target, state, mine)
            if corrected or not any(event.answer == "refused at times" for event in mine):
                later = ("refused until corrected", "refused at times") if corrected else ()
                accepted = [each for each in mine if each.answer in ("accepted", *later)]
                self._check_target(target, state, mine, accepted)

    def _check_record(
        self, target: str, state: Mapping[str, Any] | None, record: Mapping[str, Any]
    ) -> None:
        """Nothing is pending or unreported, and the record says what the target is."""
        if record["pending"]:
            raise PromiseBroken(f"{target} has pending events: {record['pending']}")
        unreported = [key for key, each in record["refused"].items() if not each["reported"]]
        if unreported:
            raise PromiseBroken(f"{target} has refusals that are not reported: {unreported}")
        desired = record["desired"]
        if desired is not None and (None if "absent" in desired else desired) != state:
            raise PromiseBroken(f"{target} is {state}, and its record says {desired}")

    def _check_newer_are_reported(
        self, target: str, state: Mapping[str, Any] | None, mine: Iterable[Event]
    ) -> None:
        """Each event that is newer than what the target has was reported."""
        # No target is what no event may have asked for.
        asked = self.accepted.get(target, ()) if state is None else mine
        place = max((each.place for each in asked if each.state == state), default=_FIRST)
        for event in mine:
            if event.place > place and not self.reports[event.key]:
                raise PromiseBroken(f"{event.key} has no effect, and was not reported")

    def _check_target(
        self,
        target: str,
        state: Mapping[str, Any] | None,
        mine: Iterable[Event],
        accepted: Sequence[Event],
    ) -> None:
        """The target is what the newest event asks for that VideoVector accepts.

        Where it accepts none, nothing is restored of a state that took effect all the same.
        """
        if accepted:
            newest = max(accepted, key=lambda each: each.place)
            if state != newest.state:
                raise PromiseBroken(f"{target} is {state}, not {newest.state}")
        elif state not in (None, *(each.state for each in mine if each.answer == "garbled")):
            raise PromiseBroken(f"{target} is {state}, which was never accepted")
