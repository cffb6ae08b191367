"""Check the promises of effects from outside: by the requests to VideoVector and `rejected`.

This module is independent of `effects.py`. It reads the pending and refused events of a record, the
number of reports of an event on `rejected`, and the states that VideoVector accepted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from videovector_bridge.automate.effects.record import Version

Response = Literal["accepted", "refused", "refused until corrected", "refused at times", "garbled"]
"""How VideoVector responds to a state. `garbled`: it takes effect, with an invalid response."""


_FIRST: Final = ("", "", "")


class PromiseBroken(AssertionError):
    """A promise was broken. The text names the promise and the event."""


@dataclass(frozen=True, eq=False)
class Event:
    """An event that asks for a state of a target."""

    target: str
    created_at: str
    event_id: str
    source: str
    desired: Mapping[str, Any]
    response: Response = "accepted"

    @property
    def place(self) -> tuple[str, str, str]:
        """Its position in an in-order pass."""
        return self.created_at, self.event_id, self.source

    @property
    def state(self) -> Mapping[str, Any] | None:
        """The target that the event asks for; None for no target."""
        return None if "absent" in self.desired else self.desired

    @property
    def key(self) -> str:
        """Its key in a record."""
        return f"{self.event_id}@{self.source}"

    @property
    def version(self) -> Version:
        """Its version, as `Effects` needs it."""
        return Version(*self.place)


@dataclass(frozen=True)
class Message:
    """One publication of an event, with the number of earlier reports of each event."""

    event: Event
    reported_before: Mapping[str, int]


@dataclass
class Ledger:
    """The events that were published, accepted and reported."""

    events: dict[str, Event] = field(default_factory=dict)
    reports: Counter[str] = field(default_factory=Counter)
    accepted: dict[str, set[Event]] = field(default_factory=dict)

    def publish(self, event: Event) -> Message:
        """Note that an event is published, for the first time or again."""
        self.events[event.key] = event
        return Message(event, dict(self.reports))

    def accept(self, target: str, desired: Mapping[str, Any]) -> None:
        """Note that VideoVector confirmed a state to the sender."""
        for event in self.events.values():
            if event.target == target and event.desired == desired:
                self.accepted.setdefault(target, set()).add(event)

    def newest_accepted(self, target: str) -> tuple[str, str, str]:
        """The place of the newest event whose state VideoVector confirmed, or the first place."""
        return max((each.place for each in self.accepted.get(target, ())), default=_FIRST)

    def rejected(self) -> list[Event]:
        """The events that are on `rejected`."""
        return [event for event in self.events.values() if self.reports[event.key]]

    def check_write(self, before: Iterable[str], after: Iterable[str]) -> None:
        """Check that an event stops being pending only after its outcome is visible."""
        for key in set(before) - set(after):
            event = self.events.get(key)
            if event is not None and not self.is_settled(event, {}):
                raise PromiseBroken(f"{key} stops being pending without an outcome")

    def check_acknowledgement(self, message: Message) -> None:
        """Check that a message is acknowledged only after its event is settled."""
        if not self.is_settled(message.event, message.reported_before):
            raise PromiseBroken(f"{message.event.key} is acknowledged without an outcome")

    def is_settled(self, event: Event, reported_before: Mapping[str, int]) -> bool:
        """Whether a state at least as new was accepted, or this refusal is on `rejected`."""
        accepted = self.newest_accepted(event.target) >= event.place
        return accepted or self.reports[event.key] > reported_before.get(event.key, 0)

    def check_end(
        self,
        targets: Mapping[str, Mapping[str, Any]],
        records: Mapping[str, Mapping[str, Any]],
        *,
        corrected: bool,
    ) -> None:
        """Check the promises when every message is acknowledged.

        `corrected`: VideoVector now accepts the states that it refused for a while, and the
        reported events were published again.
        """
        for target in {event.target for event in self.events.values()}:
            mine = [event for event in self.events.values() if event.target == target]
            state = targets.get(target)
            self._check_record(target, state, records[target])
            self._check_newer_are_reported(target, state, mine)
            if corrected or not any(event.response == "refused at times" for event in mine):
                later = ("refused until corrected", "refused at times") if corrected else ()
                accepted = [each for each in mine if each.response in ("accepted", *later)]
                self._check_target(target, state, mine, accepted)

    def _check_record(
        self, target: str, state: Mapping[str, Any] | None, record: Mapping[str, Any]
    ) -> None:
        """Check that nothing is pending or unreported, and that the record equals the target."""
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
        """Check that each event newer than the target's state was reported."""
        # A missing target may have no event that asked for it.
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
        """Check that the target has the state of the newest event that VideoVector accepts.

        If it accepts none, a refused state that took effect may stay.
        """
        if accepted:
            newest = max(accepted, key=lambda each: each.place)
            if state != newest.state:
                raise PromiseBroken(f"{target} is {state}, not {newest.state}")
        elif state not in (None, *(each.state for each in mine if each.response == "garbled")):
            raise PromiseBroken(f"{target} is {state}, which was never accepted")
