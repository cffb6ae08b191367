"""The result of a run, for scripts and for people."""

import json
import re
from typing import Any

import pytest
from rich.console import Console

from infra.local.clouds.cloud import TopicMessage
from infra.local.oracle.effects import KINDS, Effects
from infra.local.oracle.failure_report import ExpectedRejection, FailureReport
from infra.local.oracle.lost_ends import LostEnds
from infra.local.oracle.observer import WebhookSummary
from infra.local.oracle.progress import Progress, UrlKey
from infra.local.view import report, tables
from infra.local.view.live import live_view
from tests.support.local_run import LOST_CALL, START, at, drain_call, event, snapshot
from tests.support.traces import SPAN

KEYS = {
    "ok",
    "backend",
    "emitted",
    "published",
    "repeats",
    "lost",
    "rejected",
    "markers",
    "signed_urls",
    "webhooks",
    "windows",
    "killed_windows",
    "cursor",
    "first_event_seconds",
    "effect_ms",
    *KINDS,
    *(f"{kind}_expected" for kind in KINDS),
    *("refusals", "redriven", "isolated_failures"),
    *("reconciled", "reconciled_expected", "reconcile_runs"),
    *("refusals_expected", "redriven_expected", "isolated_failures_expected"),
}


def good() -> Progress:
    """A run with two events, one of them repeated."""
    progress = Progress()
    progress.note_events([event("a", seconds=1.5), event("b", seconds=2), event("b", seconds=3)])
    for each in (drain_call(), LOST_CALL, drain_call("busy"), drain_call()):
        progress.note_call(each)
    return progress


def test_keys_are_those_that_scripts_rely_on() -> None:
    """Every promised key exists, with JSON values."""
    result = report.build_result(snapshot(good()), "embedded", START, "")

    assert set(result) >= KEYS
    assert set(result["effect_ms"]) == {"p50", "p99"}
    assert json.loads(json.dumps(result)) == result


def test_a_good_run() -> None:
    """The run is ok, and its numbers are the topics' counts."""
    result = report.build_result(snapshot(good()), "embedded", START, "")

    assert result["ok"] is True
    assert (result["emitted"], result["published"], result["repeats"], result["lost"]) == (
        2,
        2,
        1,
        0,
    )
    assert (result["windows"], result["killed_windows"], result["busy_windows"]) == (3, 1, 1)
    assert result["first_event_seconds"] == 1.5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"missing": ("x", "y")}, "2 of 2 events were not published: x, y."),
        ({"killed_windows": 0}, "No window was killed"),
        ({"effects": Effects(missing=("m",))}, "1 effects are missing: m."),
        ({"effects": Effects(surplus=("s",))}, "1 effects have no event that causes them: s."),
        (
            {"webhooks": WebhookSummary(3, ("w",))},
            "1 of 3 events sent to the webhook were not published: w.",
        ),
    ],
)
def test_anything_missing_fails_the_run(changes: dict[str, Any], sentence: str) -> None:
    """A lost event, a missing effect or an untested resume fails the run, with a sentence."""
    result = report.build_result(snapshot(good(), **changes), "embedded", START, "")

    assert result["ok"] is False
    assert sentence in " ".join(result["problems"])


def test_a_long_list_is_shortened() -> None:
    """The sentence has the first five items, and the number of the others."""
    missing = tuple(f"evt{n}" for n in range(12))

    assert report.find_problems(snapshot(good(), missing=missing, emitted=12)) == [
        "12 of 12 events were not published: evt0, evt1, evt2, evt3, evt4 and 7 more."
    ]


def test_an_unexpected_rejection_fails_the_run() -> None:
    """The problems include the detail of the first rejection."""
    progress = good()
    progress.note_rejected([rejected(code="bucket_not_allowed", detail="Add it.")])

    assert report.find_problems(snapshot(progress)) == [
        "1 messages were rejected unexpectedly.",
        "The first rejection (bucket_not_allowed): Add it.",
    ]


def test_expected_rejections_are_no_problem() -> None:
    """They may be reported more than once; any other rejection is a problem."""
    names = {"action": "upsert_marker", "automation": "red", "event-id": "e", "code": "no"}
    expected = ExpectedRejection("upsert_marker", "red", "e", "no")
    progress = good()
    progress.note_rejected([rejected(**names), rejected(**names)])
    failures = FailureReport(rejections=(expected,))
    assert report.find_problems(snapshot(progress, failures=failures)) == []

    for name in names:
        progress = good()
        progress.note_rejected([rejected(**names | {name: "other"})])
        assert report.find_problems(snapshot(progress, failures=failures))


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({"refusals_expected": 2, "refusals": 1}, "1 of 2 refusals were reported."),
        ({"redriven_expected": 2}, "0 of 2 redriven messages had their effect."),
        ({"isolated_expected": 3, "isolated": 2}, "2 of 3 failures did not disturb other effects."),
    ],
)
def test_a_failure_without_its_outcome_fails_the_run(counts: dict[str, Any], sentence: str) -> None:
    """The problem has the counts, and so has the result."""
    failures = FailureReport(**counts)

    result = report.build_result(snapshot(good(), failures=failures), "embedded", START, "")

    assert result["problems"] == [sentence]
    assert not failures.complete
    numbers = [result["refusals"], result["redriven"], result["isolated_failures"]]
    assert numbers == [failures.refusals, failures.redriven, failures.isolated]


def rejected(**attributes: str) -> TopicMessage:
    """A message on topic `rejected`."""
    return TopicMessage({**SPAN, **attributes}, b"{}", at(1))


def test_a_url_with_two_ids_fails_the_run() -> None:
    """Consumers could not recognise the repeat."""
    progress = good()
    progress.renamed_urls.add(UrlKey("auto", "a", "", "gs://b/o"))

    assert report.find_problems(snapshot(progress)) == [
        "1 URLs were published with more than one ce-id: gs://b/o."
    ]


def test_a_message_without_trace_fails_the_run() -> None:
    """On any topic; a malformed trace is none."""
    progress = good()
    attributes = {**event("c").attributes, "ce-traceparent": "00-1-2-01"}
    progress.note_events([TopicMessage(attributes, event("c").data, at(3))])
    progress.note_rejected([TopicMessage({"code": "x"}, b"{", at(1))])

    assert "2 messages have no valid ce-traceparent: c, a message without id." in (
        report.find_problems(snapshot(progress))
    )


def test_effects_that_are_not_checked_have_no_numbers() -> None:
    """The result has null, and the table has the reason."""
    console = Console(width=160, record=True)

    result = report.build_result(
        snapshot(good(), unchecked="they are yours"), "embedded", START, ""
    )
    console.print(tables.build_result_table(result))

    assert result["ok"] is True
    assert {result[kind] for kind in (*KINDS, *(f"{kind}_expected" for kind in KINDS))} == {None}
    assert result["effects_unchecked"] == "they are yours"
    assert re.search("Effects .* not checked .* they are yours", console.export_text())


def test_a_failed_window_alone_does_not_fail_a_run_over_the_stand_in() -> None:
    """If every event arrived, the run passes; otherwise the failure is one of the problems."""
    progress = good()
    progress.note_call(drain_call("failed", message="Unreachable."))

    assert report.find_problems(snapshot(progress)) == []
    assert "A window failed: Unreachable." in report.find_problems(
        snapshot(progress, missing=("x",))
    )


def test_over_a_real_api_the_last_window_decides() -> None:
    """If the API does not report emitted events, a failure of the last window fails the run."""
    progress = good()
    real = {"emitted": None, "killed_windows": 0}

    assert report.find_problems(snapshot(progress, **real)) == []
    progress.note_call(drain_call("failed", message="Unreachable."))
    assert report.find_problems(snapshot(progress, **real)) == ["A window failed: Unreachable."]
    assert report.build_result(snapshot(progress, **real), "gcp", START, "")["lost"] is None


def test_a_crash_is_the_first_problem() -> None:
    """The sentence about the process comes before all others."""
    assert report.find_problems(snapshot(good()), "The stand-in ended.") == ["The stand-in ended."]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), (None, None)),
        ((7.0,), (7.0, 7.0)),
        (tuple(map(float, range(101))), (50.0, 99.0)),
    ],
)
def test_percentiles(values: tuple[float, ...], expected: tuple[float, float]) -> None:
    """The median and the 99th percentile, also of few values."""
    assert report.compute_percentiles(values) == expected


def test_costs_are_shown_by_action() -> None:
    """They are in the result and in a table."""
    console = Console(width=160, record=True)
    costs = {"search": {"events": 2, "api_calls": 1.5, "reads": 20, "writes": 3.25}}

    result = report.build_result(snapshot(good()), "embedded", START, "", costs)
    console.print(tables.build_cost_table(result))

    assert result["costs"] == costs
    assert re.search(r"search\W+2\W+1\.5\W+20\W+3\.25", console.export_text())


@pytest.mark.parametrize("terminal", [True, False])
def test_people_see_the_numbers(*, terminal: bool) -> None:
    """The live view and the table show the counts, on a terminal and without one."""
    console = Console(force_terminal=terminal, width=160, record=True, quiet=False)
    current = snapshot(good(), emitted=4321)

    with live_view(console) as show:
        show(current)
        show(current)
    console.print(tables.build_result_table(report.build_result(current, "embedded", START, "")))

    text = console.export_text()
    assert "4321" in text
    assert "1 killed" in text


def test_a_lost_end_without_an_event_in_its_place_fails_the_run() -> None:
    """With the reason, if the last run of reconcile failed."""
    progress = good()
    progress.failed_check = "VideoVector is away."
    run = snapshot(progress, lost_ends=LostEnds(6, 4))

    (problem,) = report.find_problems(run)
    result = report.build_result(run, "embedded", START, "")

    assert problem.startswith("4 of 6 lost ends of runs and videos were reconciled.")
    assert problem.endswith("VideoVector is away.")
    assert (result["ok"], result["reconciled"], result["reconciled_expected"]) == (False, 4, 6)
    assert not run.complete


def test_an_event_in_place_of_none_that_was_lost_fails_the_run() -> None:
    """The first ones are named."""
    (problem,) = report.find_problems(snapshot(good(), lost_ends=LostEnds(0, 0, ("e1", "e2"))))

    assert problem == "2 events were published in place of none that was lost: e1, e2."
