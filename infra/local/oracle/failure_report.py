"""The failures of a run as values: the rejections to expect, and what was observed."""

from dataclasses import dataclass
from typing import Final

from infra.local.clouds.cloud import TopicMessage


@dataclass(frozen=True, slots=True)
class ExpectedRejection:
    """A message that must be on topic `rejected`."""

    action: str
    automation: str
    event_id: str
    code: str

    def matches(self, message: TopicMessage) -> bool:
        """Whether the message reports this rejection."""
        names = ("action", "automation", "event-id", "code")
        values = tuple(message.attributes.get(name) for name in names)
        return values == (self.action, self.automation, self.event_id, self.code)


@dataclass(frozen=True, slots=True)
class FailureReport:
    """Outcomes of the failures so far, and the numbers expected at the end.

    `isolated` counts failures that did not disturb other effects. `rejections` are the expected
    ones. The effects of the events in `delayed` waited for the end of a failure.
    """

    refusals: int = 0
    redriven: int = 0
    isolated: int = 0
    refusals_expected: int = 0
    redriven_expected: int = 0
    isolated_expected: int = 0
    rejections: tuple[ExpectedRejection, ...] = ()
    delayed: frozenset[str] = frozenset()

    @property
    def complete(self) -> bool:
        """Whether every number is the expected one."""
        observed = self.refusals, self.redriven, self.isolated
        return observed == (self.refusals_expected, self.redriven_expected, self.isolated_expected)


NO_FAILURES: Final = FailureReport()
"""The report of a run without failures."""
