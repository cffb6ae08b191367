"""`rewind`: its preview, what it changes and refuses, and `--undo`."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.operator import Operator, operating
from tests.support.topic_subscriber import Subscriber
from videovector_bridge.backends import BackendSettings

MINUTE = timedelta(minutes=1)
AUTOMATIONS = """
[[automation]]
name = "failed runs are red"
on = ["prompt_run.failed"]
[automation.upsert_marker]
target_type = "run"
target_id = "{event.run_id}"
color = "red"
"""


@pytest.fixture
def operator(
    backend_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    """Commands over each backend in turn."""
    with operating(backend_settings, tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture
def embedded(
    embedded_settings: BackendSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    """Commands over the embedded backend."""
    with operating(embedded_settings, tmp_path, monkeypatch) as started:
        yield started


@pytest.fixture(autouse=True)
def _automations(tmp_path: Path) -> None:
    (tmp_path / "automations.toml").write_text(AUTOMATIONS, encoding="utf-8")


def emit(operator: Operator, count: int, *, minutes_ago: int = 0) -> list[str]:
    """Emit events, of which every other one is a failed run; the first is the oldest."""
    start = datetime.now(UTC) - minutes_ago * MINUTE
    return operator.standin.control.events(
        *(
            {
                "event_type": "prompt_run.failed" if number % 2 else "prompt_run.completed",
                "run_id": f"run_{number}",
                "created_at": (start + number * MINUTE).isoformat(),
            }
            for number in range(count)
        )
    )


def drained(operator: Operator, count: int = 6) -> list[str]:
    """Emit events over the last hour, drain them, and pause the stream; return their ids."""
    ids = emit(operator, count, minutes_ago=60)
    assert operator.drain().cursor_after == ids[-1]
    assert operator.run("pause", "default", "--reason", "made up").status == 0
    return ids


def rewind(operator: Operator, *arguments: str) -> Any:
    """Rewind without a question."""
    return operator.run(
        *("rewind", "default", "--automations", "automations.toml", "--yes", "--json", *arguments)
    )


def position(operator: Operator) -> tuple[Any, Any]:
    """Return the cursor and the start of the stream."""
    fields = operator.document()
    return fields["cursor"], fields["start_from"]


def test_events_after_an_id_are_published_again(operator: Operator) -> None:
    """The preview counts exactly what the next window publishes."""
    subscriber = Subscriber(operator.settings, "events")
    ids = drained(operator)
    token = operator.document()["fencing_token"]
    ran = rewind(operator, "--to", ids[1])
    result = ran.json

    assert ran.status == 0
    assert result["preview"] == {
        "events": 4,
        "at_least": False,
        "ended_by": "cursor",
        "types": {"prompt_run.completed": 2, "prompt_run.failed": 2},
        "rejected": 0,
        "first": {"event_id": ids[2], "created_at": result["preview"]["first"]["created_at"]},
        "last": {"event_id": ids[-1], "created_at": result["preview"]["last"]["created_at"]},
        "automations": {"failed runs are red": 2},
        "rejected_effects": {},
    }
    assert operator.document()["fencing_token"] == token + 1
    assert operator.document()["paused"]["reason"] == "made up"
    assert operator.drain().outcome == "paused"
    operator.run("resume", "default")
    window = operator.drain()
    assert (window.cursor_before, window.events) == (ids[1], 4)
    published = Counter(each.attributes["ce-id"] for each in subscriber.receive(10))
    assert published == Counter([*ids, *ids[2:]])


def test_a_rewind_is_recorded(embedded: Operator) -> None:
    """In `audit`, with both positions; its id is in the result."""
    ids = drained(embedded)
    result = rewind(embedded, "--to", ids[1]).json
    (*_, record) = embedded.audit()

    assert (record["action"], record["subject"]) == ("rewind", "default")
    assert record["details"]["before"] == {"cursor": ids[-1], "start_from": None}
    assert record["details"]["after"] == {"cursor": ids[1], "start_from": None}
    assert record["outcome"] == {"changed": True}
    assert embedded.document("audit", result["audit"]) == record


def test_earliest_begins_again(operator: Operator) -> None:
    """Whatever START_FROM is: a person chose it."""
    ids = drained(operator)
    result = rewind(operator, "--to", "earliest").json
    operator.run("resume", "default")
    window = operator.drain(START_FROM="latest")

    assert result["preview"]["events"] == 6
    assert result["after"] == {"cursor": None, "start_from": "earliest"}
    assert (window.events, window.cursor_after) == (6, ids[-1])


def test_a_time_is_the_first_event_from_then_on(embedded: Operator) -> None:
    """By a time with a zone, or a duration ago."""
    ids = drained(embedded)
    exact = datetime.now(UTC) - 56 * MINUTE - timedelta(seconds=30)
    at = rewind(embedded, "--to", exact.isoformat()).json
    ago = rewind(embedded, "--to", "58m").json
    first = rewind(embedded, "--to", "1d").json

    assert (at["after"]["cursor"], at["preview"]["first"]["event_id"]) == (ids[3], ids[4])
    assert at["preview"]["events"] == 2
    assert (ago["after"]["cursor"] in ids[1:3], ago["preview"]["ended_by"]) == (True, "cursor")
    assert first["after"] == {"cursor": None, "start_from": "earliest"}


def test_a_time_after_the_cursor_is_refused(embedded: Operator) -> None:
    """Nothing before the cursor would be published again."""
    drained(embedded)
    emit(embedded, 1)
    ran = rewind(embedded, "--to", "5m")

    assert ran.status == 1
    assert "nothing would be published again" in ran.err


@pytest.mark.parametrize("forward", ["id", "same"])
def test_a_position_that_is_not_back_is_refused(embedded: Operator, forward: str) -> None:
    """Events between the cursor and it would be lost."""
    ids = drained(embedded)
    later = emit(embedded, 3)
    before = embedded.document()
    ran = rewind(embedded, "--to", later[1] if forward == "id" else ids[-1])

    assert ran.status == 1
    assert ("would be skipped" in ran.err) == (forward == "id")
    assert embedded.document() == before
    assert not [each for each in embedded.audit() if each["action"] == "rewind"]


def test_an_id_that_videovector_refuses_is_refused_here(embedded: Operator) -> None:
    """Before any change; the next window would otherwise fail with 409."""
    drained(embedded)
    before = embedded.document()
    ran = rewind(embedded, "--to", "evt_unknown")

    assert ran.status == 1
    assert "VideoVector refuses 'evt_unknown' as a position" in ran.err
    assert embedded.document() == before


def test_a_bounded_preview_says_at_least(embedded: Operator) -> None:
    """And is still checked for its direction."""
    ids = drained(embedded)
    result = rewind(embedded, "--to", ids[0], "--preview-events", "2").json

    assert result["preview"]["at_least"] is True
    assert (result["preview"]["events"], result["preview"]["ended_by"]) == (2, "events")
    assert result["warning"] == ""
    assert embedded.document()["cursor"] == ids[0]


def test_only_a_paused_stream_is_rewound(embedded: Operator) -> None:
    """The sentence has the command that pauses it."""
    ids = emit(embedded, 2)
    embedded.drain()
    ran = rewind(embedded, "--to", ids[0])

    assert ran.status == 1
    assert "is not paused. Run `videovector-bridge pause default --reason TEXT`" in ran.err


def test_a_window_that_still_runs_is_waited_for(embedded: Operator) -> None:
    """A rewind is refused while a lease lasts."""
    ids = drained(embedded)
    embedded.edit(lease_owner="somewhere", lease_seconds=600)
    ran = rewind(embedded, "--to", ids[0])

    assert ran.status == 1
    assert "A window still drains stream 'default'" in ran.err


def test_a_document_that_changes_after_the_preview_is_refused(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a person confirmed is what happens, or nothing; the attempt is recorded."""
    ids = drained(operator)

    def confirm(*_: object, **__: object) -> bool:
        operator.edit(note="changed")
        return True

    monkeypatch.setattr("typer.confirm", confirm)
    monkeypatch.setattr("videovector_bridge.cli.operate.rewind_command._is_terminal", lambda: True)
    ran = operator.run("rewind", "default", "--to", ids[0], "--automations", "automations.toml")

    assert ran.status == 1
    assert "changed in the last moments: nothing was changed" in ran.err
    assert operator.document()["cursor"] == ids[-1]
    assert "changed in the last moments" in operator.audit()[-1]["outcome"]["refused"]


@pytest.mark.parametrize("word", ["y", "n"])
def test_a_person_is_asked_after_the_preview(
    embedded: Operator, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """Only `y` changes anything; the preview is a table."""
    ids = drained(embedded)
    monkeypatch.setattr("videovector_bridge.cli.operate.rewind_command._is_terminal", lambda: True)
    ran = embedded.run(
        *("rewind", "default", "--to", ids[1], "--automations", "automations.toml"), stdin=word
    )

    assert ran.status == (0 if word == "y" else 1)
    assert (embedded.document()["cursor"] == ids[1]) == (word == "y")
    assert ("Nothing was changed." in ran.err) == (word == "n")
    for line in (
        f"position         after event {ids[-1]}",
        f"rewound to       after event {ids[1]}",
        "publishes again  4 events (all up to the present cursor)",
    ):
        assert line in ran.out
    assert "failed runs are red" in ran.out


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_without_a_terminal_yes_is_required(embedded: Operator, options: tuple[str, ...]) -> None:
    """Status 2 after the preview; nothing is done."""
    ids = drained(embedded)
    ran = embedded.run(
        *("rewind", "default", "--to", ids[1], "--automations", "automations.toml", *options)
    )

    assert ran.status == 2
    assert "add --yes" in ran.err
    assert embedded.document()["cursor"] == ids[-1]
    assert not options or ran.json["changed"] is False


def test_wrong_options_are_named_together(embedded: Operator) -> None:
    """Status 2."""
    for arguments in ((), ("--to", "earliest", "--undo")):
        ran = embedded.run("rewind", "nothing", *arguments)
        assert ran.status == 2
        assert "name one of --to and --undo" in ran.err
        assert "there is no stream 'nothing'" in ran.err


def undo(operator: Operator, *arguments: str) -> Any:
    """Undo the last rewind."""
    return operator.run("rewind", "default", "--undo", "--json", *arguments)


@pytest.mark.parametrize("to", ["id", "earliest"])
def test_a_rewind_is_undone(operator: Operator, to: str) -> None:
    """Every field of the position is as it was; a window from before cannot write either."""
    ids = drained(operator)
    before = operator.document()
    rewind(operator, "--to", ids[0] if to == "id" else to)
    ran = undo(operator, "--yes")
    after = operator.document()

    assert (ran.status, ran.json["warning"]) == (0, "")
    for name in ("cursor", "start_from", "start_setting", "ids_differ", "api_host", "filters"):
        assert after[name] == before[name]
    assert after["fencing_token"] == before["fencing_token"] + 2
    assert [each["action"] for each in operator.audit()] == ["pause", "rewind", "rewind-undo"]
    assert undo(operator, "--yes").status == 1


def test_an_undo_after_a_window_warns(embedded: Operator) -> None:
    """It needs --yes or an answer: events may be skipped."""
    ids = drained(embedded)
    rewind(embedded, "--to", ids[0])
    embedded.run("resume", "default")
    embedded.drain(MAX_EVENTS="2")
    embedded.run("pause", "default", "--reason", "made up")
    asked = undo(embedded)
    done = undo(embedded, "--yes")

    assert asked.status == 2
    assert "has published events since the rewind" in asked.err
    assert done.status == 0
    assert "has published events since the rewind" in done.json["warning"]
    assert embedded.document()["cursor"] == ids[-1]


def test_an_undo_needs_a_pause_too(embedded: Operator) -> None:
    """As the rewind does."""
    ids = drained(embedded)
    rewind(embedded, "--to", ids[0])
    embedded.run("resume", "default")

    assert "is not paused" in undo(embedded, "--yes").err
    assert embedded.document()["cursor"] == ids[0]


def test_a_stream_that_has_not_begun_can_be_rewound(embedded: Operator) -> None:
    """It has only its pause; the preview ends at the end of the stream."""
    ids = emit(embedded, 3)
    embedded.run("pause", "default", "--reason", "made up")
    result = rewind(embedded, "--to", ids[0]).json
    embedded.run("resume", "default")

    assert (result["preview"]["events"], result["preview"]["ended_by"]) == (2, "end")
    assert result["before"] == {"cursor": None, "start_from": None}
    assert embedded.drain().events == 2


def test_a_changed_api_is_no_obstacle(embedded: Operator) -> None:
    """The position that a person chose belongs to the host and filters of today."""
    ids = drained(embedded)
    embedded.edit(api_host="old.example", filters="{}")
    rewind(embedded, "--to", ids[0])
    embedded.run("resume", "default")

    assert embedded.drain().events == 5
