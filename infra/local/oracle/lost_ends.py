"""The ends of runs and videos that the stand-in never sent, and the events in their place. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from infra.local.oracle.published import PublishedEvent

CHANNELS: Final = 2
"""An end is lost on the stream and on the webhook, and each has an event in its place."""


@dataclass(frozen=True, slots=True)
class LostEnds:
    """How many events were published in place of lost ones, and how many should be.

    `needless` has the ids of events in place of nothing: their work was not lost.
    """

    expected: int = 0
    reconciled: int = 0
    needless: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether each lost end has an event in its place."""
        return self.reconciled == self.expected


NOTHING_LOST: Final = LostEnds()


def judge_lost_ends(
    events: Iterable[PublishedEvent], lost_runs: Collection[str], lost_ends: int
) -> LostEnds:
    """Compare the published events with what was lost: `lost_ends` ends in `lost_runs`.

    Two events about one end on one channel are one, or the second is needless.
    """
    ends: dict[tuple[str, str, str], str] = {}
    needless = []
    for event in events:
        if not event.reconciled:
            continue
        # A run's own end has no video.
        end = event.channel, event.run_id, event.video_id
        if event.run_id not in lost_runs or ends.setdefault(end, event.id) != event.id:
            needless.append(event.id)
    return LostEnds(CHANNELS * lost_ends, len(ends), tuple(needless))
