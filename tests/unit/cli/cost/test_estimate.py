"""`cli.cost.estimate`: the bill of a month, by part."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest

from videovector_bridge.cli.cost.deployed import change_deployment, read_deployment
from videovector_bridge.cli.cost.estimate import Estimate, estimate_month
from videovector_bridge.cli.cost.measured import read_measured
from videovector_bridge.cli.cost.part import Inputs
from videovector_bridge.cli.cost.prices import read_prices
from videovector_bridge.cli.cost.workload import DAYS_A_MONTH, Operation, Workload

PRICES = read_prices()
DEPLOYMENT = read_deployment()
MEASURED = read_measured()
WORKLOAD = Workload(
    events_a_month=300_000.0,
    event_bytes=700,
    pattern="steady",
    matched_share=0.3,
    action="upsert_marker",
    webhook_share=0.0,
    work_minutes=10,
    api_seconds=0.05,
)
OPERATION = Operation("economy", 1, 60, 50.0, 10.0, 16, alerts="all")
MONTH_SECONDS = DAYS_A_MONTH * 86_400


def plan(
    workload: Workload = WORKLOAD,
    operation: Operation = OPERATION,
    changes: Mapping[str, str] = MappingProxyType({}),
) -> Estimate:
    """The estimate of these inputs, with changed sizes."""
    deployment = change_deployment(DEPLOYMENT, changes)
    return estimate_month(Inputs(deployment, workload, operation, MEASURED), PRICES)


def quantity(estimate: Estimate, sku: str) -> float:
    """The quantity of a month, 0 if nothing is used."""
    return {charge.price.sku: charge.quantity for charge in estimate.bill.charges}.get(sku, 0.0)


def usd(estimate: Estimate, part: str) -> float:
    """The cost of a part without free tiers."""
    return {cost.part.name: cost.full_usd for cost in estimate.bill.parts}[part]


def test_parts_and_prices_have_the_same_sum() -> None:
    """Each cent is in one part and one price."""
    bill = plan(replace(WORKLOAD, events_a_month=20e6, webhook_share=0.2)).bill

    assert sum(cost.usd for cost in bill.parts) == pytest.approx(bill.usd)
    full = sum(each.quantity * each.price.usd / each.price.per for each in bill.charges)
    assert sum(cost.full_usd for cost in bill.parts) == pytest.approx(full)


def test_without_events_there_are_windows_and_checks() -> None:
    """A window a minute, with the idle timeout, and nothing of Pub/Sub."""
    idle = plan(replace(WORKLOAD, events_a_month=0.0))
    (day,) = idle.days

    assert day.windows.windows == 1_440
    assert quantity(idle, "pubsub.throughput") == 0
    assert quantity(idle, "scheduler.jobs") == 3
    runs = DAYS_A_MONTH * (1_440 + 288 + 24)
    assert quantity(idle, "run.requests") == pytest.approx(runs)
    assert quantity(idle, "secrets.accesses") == pytest.approx(runs)
    assert idle.latency.longest == 0


def test_every_event_is_published_delivered_or_filtered() -> None:
    """Three subscriptions get each message: the action's, and two of functions that pull."""
    estimate = plan()
    (day,) = estimate.days
    events = day.events * day.days
    message = (700 + 420 + 36) / 2**30
    subscriptions = 1 + DEPLOYMENT.pulled

    # Published once; a request has more than the least that Pub/Sub charges for.
    expected = events * (1 + subscriptions) * message
    assert quantity(estimate, "pubsub.throughput") == pytest.approx(expected, rel=0.001)
    retained = events * message * 7 / DAYS_A_MONTH
    assert quantity(estimate, "pubsub.retention") == pytest.approx(retained)


def test_small_messages_are_charged_with_the_minimum() -> None:
    """1,000 bytes a request: of publishing a batch, and of each push."""
    tiny = plan(replace(WORKLOAD, event_bytes=2.0))
    (day,) = tiny.days
    pushed = day.effects.requests * (1_000 - 458)
    published = max(0.0, day.windows.requests * 1_000 - day.events * 458)

    plain = day.events * 4 * 458
    expected = day.days * (plain + pushed + published) / 2**30
    assert published > 0
    assert quantity(tiny, "pubsub.throughput") == pytest.approx(expected, rel=0.001)


def test_effects_read_and_write_documents() -> None:
    """Of 30 % of the events; other parts have their own."""
    none = plan(replace(WORKLOAD, matched_share=0.0))
    some = plan()
    (day,) = some.days
    effects = day.effects.requests * day.days

    assert effects == pytest.approx(0.3 * day.events * day.days, rel=0.001)
    for sku, each in (("firestore.writes", 2), ("firestore.reads", 1), ("run.requests", 1)):
        more = quantity(some, sku) - quantity(none, sku)
        assert more == pytest.approx(each * effects, rel=0.001)


def test_records_of_single_events_are_deleted_later() -> None:
    """Deletes by the TTL are not free."""
    marker, url = plan(), plan(replace(WORKLOAD, action="issue_signed_url"))
    (day,) = url.days

    more = quantity(url, "firestore.ttl_deletes") - quantity(marker, "firestore.ttl_deletes")
    assert more == pytest.approx(day.effects.requests * day.days)
    assert quantity(url, "firestore.storage") == 0 < quantity(marker, "firestore.storage")


def test_events_by_webhook_need_no_window() -> None:
    """Each is a request and a publish request of its own."""
    estimate = plan(replace(WORKLOAD, webhook_share=1.0))
    (day,) = estimate.days

    assert day.windows.events == 0
    assert day.receiver.requests == day.events == day.delivered > 0
    assert usd(estimate, "receive-webhook") > usd(plan(), "receive-webhook") == 0


def test_live_reads_all_the_time() -> None:
    """It costs a busy instance, and a second job; events wait for a handover at most."""
    live = plan(operation=replace(OPERATION, profile="live"))
    cpu = DEPLOYMENT.sizes["drain"].cpu

    assert quantity(live, "run.cpu") > MONTH_SECONDS * cpu
    assert quantity(live, "scheduler.jobs") == 4
    assert live.latency.p50 < 0.2
    assert live.latency.longest < 1.5 < plan().latency.p50


def test_streams_are_drained_side_by_side() -> None:
    """Each has windows and a job; the events are the same."""
    one, three = plan(), plan(operation=replace(OPERATION, streams=3))

    assert quantity(three, "scheduler.jobs") == 5
    assert usd(three, "drain") > 2 * usd(one, "drain")
    assert three.days[0].events == pytest.approx(one.days[0].events, rel=0.05)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"drain.cpu": "0.083"}, "drain"),
        ({"drain.memory": "256Mi"}, "drain"),
        ({"reconcile.every_minutes": "30"}, "reconcile"),
        ({"canary.every_minutes": "240"}, "canary"),
        ({"upsert-markers.cpu": "0.167", "upsert-markers.concurrency": "1"}, "upsert-markers"),
    ],
)
def test_less_is_cheaper(changes: dict[str, str], part: str) -> None:
    """Smaller or rarer functions cost less, and change no other function."""
    before, after = plan(), plan(changes=changes)

    assert usd(after, part) < usd(before, part)
    for other in {"drain", "reconcile", "canary"} - {part}:
        assert usd(after, other) == pytest.approx(usd(before, other))


def test_alerts_and_an_archive_are_optional() -> None:
    """The essential alerts cost less than all."""
    none = plan(operation=replace(OPERATION, alerts="none"))
    essential = plan(operation=replace(OPERATION, alerts="essential"))
    archived = plan(operation=replace(OPERATION, archive_days=365))

    assert usd(none, "alerts") == 0 < usd(essential, "alerts") < usd(plan(), "alerts")
    assert quantity(archived, "storage.bytes") == pytest.approx(
        12 * quantity(archived, "pubsub.export"), rel=0.001
    )


def test_the_pattern_changes_the_cost_of_instances() -> None:
    """All events in one hour need fewer windows with events than a constant rate."""
    many = replace(WORKLOAD, events_a_month=5e6)

    assert usd(plan(replace(many, pattern="nightly")), "drain") < usd(plan(many), "drain") / 2
