"""The commands `automations ...`: their output and exit statuses."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.support.automations import GOOD, SHIPPED
from tests.support.commands import run_command
from videovector_bridge.automate.automations.schema import render_schema
from videovector_bridge.cli.context import CommandContext

FAILED: dict[str, Any] = {
    "event_id": "e1",
    "event_type": "processing.run_failed",
    "run_id": "r1",
    "created_at": "2026-01-01T00:00:00Z",
    "payload": {"n": 5},
}
DELIVERED = {
    "id": "d1",
    "event": "prompt_run.failed",
    "created_at": "2026-01-01T00:00:00Z",
    "data": {"run_id": "r2"},
}
PULLED = {
    "ackId": "a",
    "message": {
        "data": b64encode(json.dumps(FAILED | {"event_id": "inner"}).encode()).decode(),
        "attributes": {
            "ce-id": "e3",
            "ce-type": "com.vectormethods.processing.run_completed",
            "ce-channel": "stream",
        },
        "messageId": "7",
    },
}
PROCESSED = {
    **FAILED,
    "event_id": "e4",
    "event_type": "processing.video_completed",
    "video_id": "v1",
    "payload": {"gcs_uri": "gs://media/v.mp4"},
}


def write_file(folder: Path, text: str) -> str:
    """Write an automations file and return its path."""
    file = folder / "a.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def lines(*events: Any) -> str:
    """Return the events as JSON Lines."""
    return "".join(f"{json.dumps(event)}\n" for event in events)


def test_the_shipped_file_has_no_mistakes() -> None:
    """It is the default."""
    ran = run_command("automations", "check")

    assert ran.status == 0
    assert "functions/automations.toml:" in ran.out
    assert "warning: automation 'a link to each processed video'" in ran.out
    assert ran.err == "11 automations: 0 mistakes, 2 warnings."


def test_each_mistake_is_reported_with_its_line(tmp_path: Path) -> None:
    """Of the file that the argument names."""
    file = write_file(tmp_path, GOOD.replace("color", "colour"))
    ran = run_command("automations", "check", file)

    assert ran.status == 1
    assert ran.out == (
        f"{file}:9: automation 'red': upsert_marker.colour: is not known; known are target_type, "
        "target_id, field_path, color, note, body, target; did you mean color?\n"
    )


def test_each_mistake_is_reported_as_json(tmp_path: Path) -> None:
    """Of the file that AUTOMATIONS_FILE names, because no argument does."""
    file = write_file(tmp_path, GOOD.replace("color", "colour"))
    context = CommandContext(environ={"AUTOMATIONS_FILE": file})
    ran = run_command("automations", "check", "--json", context=context)

    assert ran.status == 1
    assert ran.json == {
        "file": file,
        "automations": 1,
        "mistakes": [
            {
                "line": 9,
                "automation": "red",
                "field": "upsert_marker.colour",
                "what": "is not known; known are target_type, target_id, field_path, color, note, "
                "body, target",
                "fix": "did you mean color?",
            }
        ],
        "warnings": [],
    }


def test_a_file_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    """For each command. Only `check` accepts automations with mistakes."""
    (tmp_path / "binary").write_bytes(b"\xff")
    bad = write_file(tmp_path, GOOD.replace("color", "colour"))

    assert run_command("automations", "check", str(tmp_path / "none")).status == 2
    assert run_command("automations", "check", str(tmp_path / "binary")).status == 2
    assert run_command("automations", "test", str(tmp_path / "none")).status == 2
    for command in ("test", "explain"):
        ran = run_command("automations", command, "-", "--file", bad, stdin=json.dumps(FAILED))
        assert ran.status == 2
        assert "did you mean color?" in ran.err


def test_each_form_of_event_is_accepted() -> None:
    """Events of the stream, webhook deliveries and pulled messages, with the shipped file."""
    ran = run_command(
        *("automations", "test", "-", "--json"),
        stdin=lines(FAILED, DELIVERED, PULLED, PROCESSED),
    )

    assert ran.status == 0
    assert [*ran.json["totals"].values()] == [4, 0, 7, 0, 0]
    effects = [(each["event_id"], each["automation"]) for each in ran.json["outcomes"]]
    assert effects == [
        ("e1", "failed runs are red"),
        ("d1", "failed runs are red"),
        ("e3", "completed runs have no marker"),
        ("e3", "watch for red cars"),
        ("e4", "a link to each processed video"),
        ("e4", "a preview of each processed video"),
        ("e4", "videos as documents"),
    ]
    assert ran.json["outcomes"][1] == {
        "event_id": "d1",
        "automation": "failed runs are red",
        "action": "upsert_marker",
        "outcome": "effect",
        "fields": {
            "target_type": "run",
            "target_id": "r2",
            "color": "red",
            "note": "failed at 2026-01-01T00:00:00Z",
        },
        "target": "marker:run:r2",
        "overruled_by": "",
        "rejection": None,
    }


@pytest.mark.parametrize("indent", [None, 2])
def test_the_output_of_gcloud_is_accepted(tmp_path: Path, indent: int | None) -> None:
    """It is a list of messages, on one line or on many."""
    file = tmp_path / "pulled.json"
    file.write_text(json.dumps([PULLED, PULLED], indent=indent), encoding="utf-8")

    assert run_command("automations", "test", str(file), "--json").json["totals"]["effect"] == 4


def test_effects_are_rows_of_a_table() -> None:
    """Each with its fields; the totals are on standard error."""
    ran = run_command("automations", "test", "-", stdin=lines(FAILED, FAILED | {"run_id": None}))
    head, first, second = ran.out.splitlines()

    assert head.split() == ["event_id", "automation", "action", "outcome", "what"]
    assert first.split()[:2] == ["e1", "failed"]
    assert '{"target_type":"run","target_id":"r1","color":"red"' in first
    assert "rejected" in second
    assert "'event.run_id' is null for this event" in second
    assert ran.err == "2 events: 1 effect, 1 rejected, 0 overruled; 0 bad lines."
    assert ran.status == 0


def test_the_first_automation_of_a_target_wins(tmp_path: Path) -> None:
    """The second is shown with the name of the first."""
    file = write_file(tmp_path, GOOD + GOOD.replace('"red"', '"blue"'))
    ran = run_command("automations", "test", "-", "--file", file, stdin=lines(FAILED))

    assert "'red' comes first on marker:run:r1" in ran.out
    assert "1 effect, 0 rejected, 1 overruled" in ran.err


BAD_EVENTS = [
    ("{", "bad_json"),
    ("[]", "not_an_object"),
    ("{}", "missing_id"),
    ('{"event_id": "e"}', "missing_type"),
    (json.dumps(FAILED | {"created_at": "soon"}), "bad_time"),
    ('{"event": "media.created"}', "missing_id"),
    ('{"id": "d d ", "event": "media.created"}', "bad_id"),
    ('{"message": {"attributes": {}}}', "foreign_message"),
    ('{"attributes": {"ce-id": "1", "ce-type": "other"}, "data": "e30="}', "foreign_type"),
    ('{"attributes": {"ce-id": "1", "ce-type": "x"}, "data": "?"}', "bad_data"),
    ('{"attributes": {"ce-id": "1", "ce-type": "x"}, "data": 5}', "bad_data"),
    (
        '{"attributes": {"ce-id": "1", "ce-type": "x", "ce-dataref": "gs://b/o"}}',
        "data_elsewhere",
    ),
]


@pytest.mark.parametrize(("bad", "code"), BAD_EVENTS)
def test_a_bad_line_is_reported_and_the_rest_is_read(bad: str, code: str) -> None:
    """With its number and the reason; the exit status is 1."""
    stdin = f"{lines(FAILED)}\n{bad}\n{lines(FAILED)}"
    ran = run_command("automations", "test", "-", "--json", stdin=stdin)

    assert ran.status == 1
    assert [(each["line"], each["code"]) for each in ran.json["bad"]] == [(3, code)]
    assert [ran.json["totals"][name] for name in ("events", "bad", "effect")] == [2, 1, 2]
    assert (
        f"Line 3: is not an event ({code})"
        in run_command("automations", "test", "-", stdin=stdin).err
    )


def explain(event: Any, file: str) -> Any:
    """Return the explanation for the only automation in a file."""
    ran = run_command(
        "automations", "explain", "-", "--file", file, "--json", stdin=json.dumps(event)
    )
    assert ran.status == 0
    (explanation,) = ran.json["automations"]
    return explanation


@pytest.mark.parametrize(
    ("change", "verdict", "shown"),
    [
        ({}, {"applies": True, "decided_by": "", "value": True}, "evaluates to true"),
        ({"event_type": "x"}, {"decided_by": "type", "glob": ""}, "x fits none of prompt_run."),
        ({"payload": {"n": 1}}, {"decided_by": "condition", "value": False}, "evaluates to false"),
        ({"payload": {}}, {"decided_by": "condition", "lacks": "'n'"}, "needs 'n', which"),
    ],
)
def test_it_is_explained_why_an_automation_applies_or_not(
    tmp_path: Path, change: dict[str, Any], verdict: dict[str, Any], shown: str
) -> None:
    """The event type decides first, then the condition."""
    file = write_file(tmp_path, GOOD)
    explanation = explain(FAILED | change, file)

    assert explanation["verdict"] == explanation["verdict"] | {"applies": False} | verdict
    assert (explanation["fields"] is not None) is explanation["verdict"]["applies"]
    stdin = json.dumps(FAILED | change)
    ran = run_command("automations", "explain", "-", "--file", file, stdin=stdin)
    assert shown in ran.out
    assert "processing.run_failed fits processing.*failed of prompt_run.failed" in ran.out or (
        "event_type" in change
    )


def test_another_channel_is_explained(tmp_path: Path) -> None:
    """An automation for the stream does not apply to a webhook delivery."""
    file = write_file(tmp_path, GOOD)
    explanation = explain(DELIVERED, file)

    assert (explanation["verdict"]["decided_by"], explanation["outcome"]) == ("channel", "none")
    ran = run_command("automations", "explain", "-", "--file", file, stdin=json.dumps(DELIVERED))
    assert "channel     webhook is not stream" in ran.out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            GOOD.replace("event.payload.n > 3", "event.payload.n"),
            "expression_failed: The condit",
        ),
        (
            GOOD.replace("event.run_id", "event.payload.x"),
            "expression_failed: The expression",
        ),
        (GOOD.replace("{event.run_id}", "{''}"), "no_target: The marker has no"),
        (
            GOOD.partition("[automation.u")[0] + "issue_signed_url.gcs_uri = 'http://b/o'",
            "bad_gcs_uri: 'http://b/o' is not",
        ),
    ],
)
def test_a_rejection_is_explained(tmp_path: Path, text: str, shown: str) -> None:
    """A condition that is not a boolean, an expression that fails, unusable fields."""
    file = write_file(tmp_path, text)
    ran = run_command("automations", "explain", "-", "--file", file, stdin=json.dumps(FAILED))

    assert f"rejected    {shown}" in ran.out
    assert explain(FAILED, file)["outcome"] == "rejected"


def test_exactly_one_event_is_explained() -> None:
    """For all automations of the shipped file; two events or none are wrong usage."""
    ran = run_command("automations", "explain", "-", stdin=json.dumps(FAILED, indent=2))

    assert ran.status == 0
    assert ran.out.count("automation  ") == 11
    assert ran.out.count("outcome     effect") == 1
    assert "target      marker:run:r1" in ran.out
    assert run_command("automations", "explain", "-", stdin=lines(FAILED, FAILED)).status == 2
    assert run_command("automations", "explain", "-", stdin="").status == 2
    ran = run_command("automations", "explain", "-", stdin="{}")
    assert (ran.status, ran.err) == (
        1,
        "This is not an event (missing_id): event_id is missing or null",
    )


def test_the_schema_is_printed() -> None:
    """It equals the file beside the shipped automations."""
    assert run_command("automations", "schema").out == render_schema()
    assert SHIPPED.with_suffix(".schema.json").read_text(encoding="utf-8") == render_schema()


@pytest.mark.parametrize("command", ["check", "test", "explain", "schema"])
def test_help_states_the_exit_statuses(command: str) -> None:
    """The help of every command has them."""
    text = " ".join(run_command("automations", command, "--help").out.split())

    assert "Exit status: 0 all is well; 1 mistakes" in text
