"""Which failed deliveries are retried, and which ends of work they bring."""

from datetime import timedelta

import pytest

from tests.support.reconciled import NOW
from videovector_bridge.api.models import Delivery
from videovector_bridge.watch.reconcile.delivery_choice import (
    AWAITED,
    MOST_AGE,
    MOST_RETRIES,
    PAUSE,
    Retries,
    choose_retries,
    find_end_key,
    find_expected,
    parse_retries,
    with_retries,
)

MINUTE = timedelta(minutes=1)
GRACE = 2 * MINUTE


def delivery(
    name: str = "d1",
    event_type: str = "prompt_run.completed",
    status: str = "failed",
    *,
    age: timedelta = MINUTE,
    run_id: str = "r1",
) -> Delivery:
    """Return a delivery of this age."""
    created_at = (NOW - age).isoformat()
    return Delivery(name, "w1", event_type, status, 3, created_at, run_id=run_id)


@pytest.mark.parametrize(
    ("candidate", "retries", "expected"),
    [
        (delivery(), {}, True),
        (delivery(status="delivered"), {}, False),
        (delivery(status="retrying"), {}, False),
        (delivery(age=MOST_AGE), {}, True),
        (delivery(age=MOST_AGE + MINUTE), {}, False),
        (delivery(), {"d1": Retries(1, NOW - PAUSE)}, True),
        (delivery(), {"d1": Retries(1, NOW - PAUSE + MINUTE)}, False),
        (delivery(), {"d1": Retries(MOST_RETRIES, NOW - 5 * PAUSE)}, False),
        (delivery("d2"), {"d1": Retries(1, NOW)}, True),
        (Delivery("d1", "w1", "x", "failed"), {}, True),
    ],
)
def test_a_recent_failure_is_retried_a_few_times_an_hour_apart(
    candidate: Delivery, retries: dict[str, Retries], *, expected: bool
) -> None:
    """Of any event type."""
    assert bool(choose_retries([candidate], retries, NOW, most=9)) is expected


def test_the_ends_that_are_missing_come_first() -> None:
    """Within the number of requests that are left."""
    failed = [delivery("d1", run_id="r1"), delivery("d2", run_id="r2"), delivery("d3", "x")]

    chosen = choose_retries(failed, {}, NOW, overdue={"run:r2"}, most=2)

    assert [each.delivery_id for each in chosen] == ["d2", "d1"]
    assert choose_retries(failed, {}, NOW, most=0) == []


def test_retries_are_counted_and_forgotten_once_nobody_needs_them() -> None:
    """A delivery that is not listed any more is kept for an hour: the document stays small."""
    before = {
        "d1": Retries(1, NOW - 2 * PAUSE),
        "gone": Retries(1, NOW - 2 * PAUSE),
        "hidden": Retries(2, NOW - MINUTE),
        "future": Retries(2, NOW + MINUTE),
    }
    listed = [delivery("d1"), delivery("d2")]

    after = with_retries(before, listed, listed, NOW)

    assert after == {
        "d1": Retries(2, NOW),
        "d2": Retries(1, NOW),
        "hidden": Retries(2, NOW - MINUTE),
    }
    stored = {id_: each.as_fields() for id_, each in after.items()}
    assert parse_retries(stored) == after


@pytest.mark.parametrize("stored", [None, [], {"d1": None}, {"d1": {"at": 5, "times": 1}}, "x"])
def test_what_a_person_wrote_is_no_retry(stored: object) -> None:
    """An unreadable document counts as empty."""
    assert parse_retries(stored) == {}


@pytest.mark.parametrize(
    ("candidate", "retried_ago", "expected"),
    [
        (delivery(), None, False),
        (delivery(), MINUTE, True),
        (delivery(), GRACE, False),
        (delivery(status="pending"), None, True),
        (delivery(status="retrying", age=AWAITED - MINUTE), None, True),
        (delivery(status="retrying", age=AWAITED), None, False),
        (delivery(event_type="prompt_run.started"), MINUTE, False),
        (delivery(event_type="media.created"), MINUTE, False),
    ],
)
def test_an_end_is_expected_while_its_delivery_may_arrive(
    candidate: Delivery, retried_ago: timedelta | None, *, expected: bool
) -> None:
    """For the grace after a retry, and for some minutes while VideoVector itself tries again."""
    retries = {} if retried_ago is None else {"d1": Retries(1, NOW - retried_ago)}

    keys = find_expected([candidate], retries, NOW, GRACE)

    assert keys == ({"run:r1"} if expected else set())


def test_the_work_of_a_delivery_is_that_of_its_event() -> None:
    """A video in a run has both ids."""
    video = Delivery("d", "w", "media.processing.failed", "failed", run_id="r1", video_id="v1")

    assert find_end_key(video) == "video:v1:r1"
    assert find_end_key(Delivery("d", "w", "media.processing.failed", "failed")) == ""
