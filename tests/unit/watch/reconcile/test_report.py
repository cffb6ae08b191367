"""`watch.reconcile.report`: what a run did, in sentences."""

import pytest

from videovector_bridge.watch.reconcile.failed_deliveries import DeliveryReport
from videovector_bridge.watch.reconcile.report import MOST_IDS, ReconcileReport, describe


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (ReconcileReport(repaired=2), "2 events that never came were published"),
        (ReconcileReport(withheld=3), "3 finished runs and videos wait: their events may still"),
        (
            ReconcileReport(withheld=1, streams_behind=["slow"]),
            "these streams are paused, fail or lag: ['slow']",
        ),
        (ReconcileReport(late=1), "1 events came after one was published in their place"),
        (ReconcileReport(deliveries=DeliveryReport(retried=4)), "4 failed deliveries were retried"),
        (
            ReconcileReport(deliveries=DeliveryReport(problem="It says no.")),
            "were not all retried: It says no.",
        ),
    ],
)
def test_what_happened_is_said(report: ReconcileReport, said: str) -> None:
    """What did not happen is not."""
    assert said in describe(report)
    assert said not in describe(ReconcileReport())


def test_a_quiet_run_is_one_sentence() -> None:
    """How much work is open, and how much of it was asked about."""
    assert describe(ReconcileReport(open=5, asked=2)) == (
        "5 runs and videos are open; VideoVector was asked about 2."
    )


def test_the_ids_of_a_report_are_bounded() -> None:
    """The number is not: a log line has a limit, and the count must stay right."""
    report = ReconcileReport()
    for number in range(3):
        report.add_repaired([f"{number}-{each}" for each in range(MOST_IDS)])

    assert (report.repaired, len(report.repaired_ids)) == (3 * MOST_IDS, MOST_IDS)
