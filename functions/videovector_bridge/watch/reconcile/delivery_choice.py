"""Which failed deliveries to retry, and which ends of work they bring. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from videovector_bridge.api.models import Delivery
from videovector_bridge.events import parse_time
from videovector_bridge.work import STEPS, find_work

MOST_RETRIES: Final = 3
PAUSE: Final = timedelta(hours=1)
"""The least time between two retries of a delivery."""
MOST_AGE: Final = timedelta(days=7)
"""Deliveries that are older are not retried."""
AWAITED: Final = timedelta(minutes=10)
"""How long after its creation a delivery that VideoVector itself sends again is waited for."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often the bridge had a delivery retried, and when last."""

    times: int
    at: datetime

    def as_fields(self) -> dict[str, Any]:
        """Return the fields of a document."""
        return {"times": self.times, "at": self.at.isoformat()}


def parse_retries(stored: object) -> dict[str, Retries]:
    """Return the retries of a document by the id of their delivery, without unreadable ones."""
    retries = {}
    for delivery_id, each in stored.items() if isinstance(stored, Mapping) else ():
        fields = each if isinstance(each, Mapping) else {}
        at, times = parse_time(fields.get("at")), fields.get("times")
        if at is not None and isinstance(times, int):
            retries[str(delivery_id)] = Retries(times, at)
    return retries


def choose_retries(
    failed: Iterable[Delivery],
    retries: Mapping[str, Retries],
    now: datetime,
    *,
    overdue: Collection[str] = (),
    most: int,
) -> list[Delivery]:
    """Return at most `most` deliveries to retry: recent, at most 3 times each, an hour apart.

    Those that bring the end of `overdue` work come first.
    """
    chosen = [each for each in failed if _may_retry(each, retries.get(each.delivery_id), now)]
    chosen.sort(key=lambda each: find_end_key(each) not in overdue)
    return chosen[:most]


def _may_retry(delivery: Delivery, retried: Retries | None, now: datetime) -> bool:
    created_at = parse_time(delivery.created_at)
    if delivery.status != "failed" or (created_at is not None and now - created_at > MOST_AGE):
        return False
    return retried is None or (retried.times < MOST_RETRIES and now - retried.at >= PAUSE)


def with_retries(
    retries: Mapping[str, Retries],
    chosen: Iterable[Delivery],
    listed: Sequence[Delivery],
    now: datetime,
) -> dict[str, Retries]:
    """Return the retries to store once `chosen` are retried, within the size of a document.

    A delivery that is not `listed` any more is kept for an hour, in case it is again.
    """
    ids = {each.delivery_id for each in listed}
    kept = {
        id_: each
        for id_, each in retries.items()
        if id_ in ids or timedelta(0) <= now - each.at < PAUSE
    }
    for delivery in chosen:
        before = kept.get(delivery.delivery_id)
        kept[delivery.delivery_id] = Retries(before.times + 1 if before else 1, now)
    return kept


def find_expected(
    deliveries: Iterable[Delivery],
    retries: Mapping[str, Retries],
    now: datetime,
    grace: timedelta,
) -> set[str]:
    """Return the keys of work whose end is on its way: just retried, or not yet given up."""
    return {
        key
        for each in deliveries
        if (key := find_end_key(each)) and _is_expected(each, retries, now, grace)
    }


def _is_expected(
    delivery: Delivery, retries: Mapping[str, Retries], now: datetime, grace: timedelta
) -> bool:
    if delivery.status == "failed":
        retried = retries.get(delivery.delivery_id)
        return retried is not None and now - retried.at < grace
    created_at = parse_time(delivery.created_at)
    return created_at is not None and now - created_at < AWAITED


def find_end_key(delivery: Delivery) -> str:
    """Return the key of the work whose end a delivery brings; empty if it brings none."""
    step = STEPS.get(delivery.event_type)
    work = find_work(delivery.event_type, delivery.run_id, delivery.video_id)
    return work.key if work and step and step.result else ""
