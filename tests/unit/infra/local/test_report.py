"""The result of a run, for scripts and for people."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from infra.local.clouds.cloud import Observed
from infra.local.oracle.effects import KINDS, Effects
from infra.local.oracle.observer import WebhookSummary
from infra.local.oracle.progress import Progress, UrlKey
from infra.local.scenario.failures import ExpectedRejection, FailureReport
from infra.local.view import report
from infra.local.view.live import live_view
from tests.support.local_run import LOST_TICK, START, at, event, snapshot, tick

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
    *("refusals_expected", "redriven_expected", "isolated_failures_expected"),
}


def good() -> Progress:
    """A run in which two events came, one of them twice."""
    progress = Progress()
    progress.note_events([event("a", seconds=1.5), event("b", seconds=2), event("b", seconds=3)])
    for each in (tick(), LOST_TICK, tick("busy"), tick()):
        progress.note_tick(each)
    return progress


def test_keys_are_those_that_scripts_rely_on() -> None:
    """Every promised key is there, with plain JSON values."""
    found = report.result(snapshot(good()), "embedded", START, "")

    assert set(found) >= KEYS
    assert set(found["effect_ms"]) == {"p50", "p99"}
    assert json.loads(json.dumps(found)) == found


def test_a_good_run() -> None:
    """Everything arrived: it is ok, and the numbers are those of the topics."""
    found = report.result(snapshot(good()), "embedded", START, "")

    assert found["ok"] is True
    assert (found["emitted"], found["published"], found["repeats"], found["lost"]) == (2, 2, 1, 0)
    assert (found["windows"], found["killed_windows"], found["busy_windows"]) == (3, 1, 1)
    assert found["first_event_seconds"] == 1.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"missing": ("x", "y")}, "2 of 2 events were not published: x, y."),
        ({"killed_windows": 0}, "No window was killed"),
        ({"effects": Effects(missing=("m",))}, "1 effects did not happen: m."),
        ({"effects": Effects(surplus=("s",))}, "1 effects happened that no event asks for: s."),
        (
            {"webhooks": WebhookSummary(3, ("w",))},
            "1 of 3 events sent to the webhook were not published: w.",
        ),
    ],
)
def test_whatever_is_missing_fails_the_run(changes: dict[str, Any], said: str) -> None:
    """A lost event, a lost effect or a resume that was not shown is a failure, and is named."""
    found = report.result(snapshot(good(), **changes), "embedded", START, "")

    assert found["ok"] is False
    assert said in " ".join(found["problems"])


def test_of_many_the_first_are_named() -> None:
    """A long list is cut, and says by how much."""
    missing = tuple(f"evt{n}" for n in range(12))

    assert report.problems(snapshot(good(), missing=missing, emitted=12)) == [
        "12 of 12 events were not published: evt0, evt1, evt2, evt3, evt4 and 7 more."
    ]


def test_rejections_say_why() -> None:
    """A rejected message fails the run, with the sentence that it was rejected with."""
    progress = good()
    progress.note_rejected([rejected(code="bucket_not_allowed", detail="Add it.")])

    said = report.problems(snapshot(progress))

    assert said == [
        "1 messages were rejected that should not be.",
        "The first rejection (bucket_not_allowed) says: Add it.",
    ]


def test_rejections_that_a_failure_accounts_for_are_no_problem() -> None:
    """However often each was reported; any other is one."""
    names = {"action": "upsert_marker", "automation": "red", "event-id": "e", "code": "no"}
    expected = ExpectedRejection("upsert_marker", "red", "e", "no")
    progress = good()
    progress.note_rejected([rejected(**names), rejected(**names)])
    failures = FailureReport(rejections=(expected,))
    assert report.problems(snapshot(progress, failures=failures)) == []

    for name in names:
        progress = good()
        progress.note_rejected([rejected(**names | {name: "other"})])
        assert report.problems(snapshot(progress, failures=failures))


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({"refusals_expected": 2, "refusals": 1}, "1 of 2 refusals were reported."),
        ({"redriven_expected": 2}, "0 of 2 redriven messages had their effect."),
        ({"isolated_expected": 3, "isolated": 2}, "2 of 3 failures left all else alone."),
    ],
)
def test_a_failure_without_its_outcome_fails_the_run(seen: dict[str, Any], said: str) -> None:
    """What was to be shown is named, and stands in the result."""
    failures = FailureReport(**seen)

    found = report.result(snapshot(good(), failures=failures), "embedded", START, "")

    assert found["problems"] == [said]
    assert not failures.complete
    shown = [found["refusals"], found["redriven"], found["isolated_failures"]]
    assert shown == [failures.refusals, failures.redriven, failures.isolated]


def rejected(**attributes: str) -> Observed:
    """A message on topic `rejected`."""
    return Observed(attributes, b"{}", at(1))


def test_a_url_without_one_id_fails_the_run() -> None:
    """Its consumers could not tell a repeat from a new URL."""
    progress = good()
    progress.renamed_urls.add(UrlKey("auto", "a", "", "gs://b/o"))

    assert report.problems(snapshot(progress)) == [
        "1 URLs were published under more than one ce-id: gs://b/o."
    ]


def test_effects_that_are_not_checked_are_said_to_be_so() -> None:
    """No number stands for what nobody looked at, and the table gives the reason."""
    console = Console(width=160, record=True)

    found = report.result(snapshot(good(), unchecked="they are yours"), "embedded", START, "")
    console.print(report.table(found))

    assert found["ok"] is True
    assert {found[kind] for kind in (*KINDS, *(f"{kind}_expected" for kind in KINDS))} == {None}
    assert found["effects_unchecked"] == "they are yours"
    assert re.search("Effects .* not checked .* they are yours", console.export_text())


def test_a_failed_window_that_was_made_good_is_no_failure() -> None:
    """Over the stand-in it counts what arrived."""
    progress = good()
    progress.note_tick(tick("failed", message="Unreachable."))

    assert report.problems(snapshot(progress)) == []
    assert "A window failed: Unreachable." in report.problems(snapshot(progress, missing=("x",)))


def test_over_a_real_api_the_last_window_decides() -> None:
    """Where the API does not tell what it emitted, a window that failed last fails the run."""
    progress = good()
    real = {"emitted": None, "killed_windows": 0}

    assert report.problems(snapshot(progress, **real)) == []
    progress.note_tick(tick("failed", message="Unreachable."))
    assert report.problems(snapshot(progress, **real)) == ["A window failed: Unreachable."]
    assert report.result(snapshot(progress, **real), "gcp", START, "")["lost"] is None


def test_what_ended_by_itself_comes_first() -> None:
    """A process that went away is the first thing said."""
    assert report.problems(snapshot(good()), "The stand-in ended.") == ["The stand-in ended."]


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
    assert report.percentiles(values) == expected


def test_result_replaces_the_last_one(tmp_path: Path) -> None:
    """The file is written whole, folder included, and nothing else is left beside it."""
    file = tmp_path / "build" / "run.json"
    for number in (1, 2):
        report.write({"number": number}, file)

    assert json.loads(file.read_text()) == {"number": 2}
    assert list(file.parent.iterdir()) == [file]


def test_costs_are_shown_by_action() -> None:
    """In the result as they were counted, and in a table."""
    console = Console(width=160, record=True)
    costs = {"search": {"events": 2, "api_calls": 1.5, "reads": 20, "writes": 3.25}}

    found = report.result(snapshot(good()), "embedded", START, "", costs)
    console.print(report.cost_table(found))

    assert found["costs"] == costs
    assert re.search(r"search\W+2\W+1\.5\W+20\W+3\.25", console.export_text())


@pytest.mark.parametrize("terminal", [True, False])
def test_people_see_the_numbers(*, terminal: bool) -> None:
    """The live view and the table show what was published, on a terminal and without one."""
    console = Console(force_terminal=terminal, width=160, record=True, quiet=False)
    shown = snapshot(good(), emitted=4321)

    with live_view(console) as show:
        show(shown)
        show(shown)
    console.print(report.table(report.result(shown, "embedded", START, "")))

    text = console.export_text()
    assert "4321" in text
    assert "killed half-way" in text
