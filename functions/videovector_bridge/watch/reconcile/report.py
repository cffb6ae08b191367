"""What one run of `reconcile` did: its counts, as JSON and in sentences. Pure."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from videovector_bridge.watch.reconcile.failed_deliveries import DeliveryReport

MOST_IDS: Final = 100
"""The most ids in a report: a log line has at most 256 KiB."""


@dataclass(slots=True)
class ReconcileReport:
    """What one run did, and the JSON that `reconcile` returns.

    `open` is the work that has not finished, `asked` the part of it that VideoVector was asked
    about in `calls` requests, `waiting` the part that was left for the next run, `unknown` what
    VideoVector does not know, `unaskable` what has no known video, `unreadable` videos that it
    refuses to describe, `forgotten` what was open for too long. `finished` is work that VideoVector
    first called finished in this run: its events have time to arrive. `withheld` is work whose end
    is overdue, but may still be on its way: `backlog` (the subscription was not read to its end),
    `streams_behind`, or a delivery that is sent again. `repaired` are published events, `late`
    events that came after one was published in their place.
    """

    messages: int = 0
    backlog: bool = False
    open: int = 0
    asked: int = 0
    calls: int = 0
    running: int = 0
    unknown: int = 0
    unaskable: int = 0
    unreadable: int = 0
    forgotten: int = 0
    waiting: int = 0
    finished: int = 0
    withheld: int = 0
    streams_behind: list[str] = field(default_factory=list)
    repaired: int = 0
    repaired_ids: list[str] = field(default_factory=list)
    late: int = 0
    deliveries: DeliveryReport = field(default_factory=DeliveryReport)
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return asdict(self)

    def add_repaired(self, ids: list[str]) -> None:
        """Count published events."""
        self.repaired += len(ids)
        self.repaired_ids = [*self.repaired_ids, *ids][:MOST_IDS]


def describe(report: ReconcileReport) -> str:
    """Describe a run in a few sentences."""
    sentences = [
        f"{report.open} runs and videos are open; VideoVector was asked about {report.asked}."
    ]
    if report.repaired:
        sentences.append(f"{report.repaired} events that never came were published in their place.")
    if report.withheld:
        why = "their events may still come"
        if report.streams_behind:
            why += f", because these streams are paused, fail or lag: {report.streams_behind}"
        sentences.append(f"{report.withheld} finished runs and videos wait: {why}.")
    if report.late:
        sentences.append(f"{report.late} events came after one was published in their place.")
    if report.deliveries.retried:
        sentences.append(f"{report.deliveries.retried} failed deliveries were retried.")
    if report.deliveries.problem:
        sentences.append(f"Failed deliveries were not all retried: {report.deliveries.problem}")
    return " ".join(sentences)
