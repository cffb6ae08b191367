"""The commands `automations ...`: what they show, and their exit statuses."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.support.automations import GOOD, SHIPPED
from tests.unit.cli.test_cli import Ran
from videovector_bridge.automate.automations.schema import schema_text

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


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "AUTOMATIONS_FILE",
        "SIGNED_URL_BUCKETS",
        "PREVIEW_BUCKET",
        "VIDEO_VECTOR_API_KEY",
    ):
        monkeypatch.delenv(name, raising=False)


def written(folder: Path, text: str) -> str:
    """A file of that text."""
    file = folder / "a.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def lines(*events: Any) -> str:
    """JSON Lines."""
    return "".join(f"{json.dumps(event)}\n" for event in events)


def test_the_shipped_file_is_in_order() -> None:
    """It is the one that is checked if none is named."""
    ran = Ran("automations", "check")

    assert ran.status == 0
    assert "functions/automations.toml:" in ran.out
    assert "warning: automation 'a link to each processed video'" in ran.out
    assert ran.err == "11 automations: 0 mistakes, 2 warnings."


def test_mistakes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the file named, or the setting's; in JSON their parts."""
    file = written(tmp_path, GOOD.replace("color", "colour"))
    ran = Ran("automations", "check", file)

    assert ran.status == 1
    assert ran.out == (
        f"{file}:9: automation 'red': upsert_marker.colour: is not known; known are target_type, "
        "target_id, field_path, color, note, body, target; did you mean color?\n"
    )

    monkeypatch.setenv("AUTOMATIONS_FILE", file)
    ran = Ran("automations", "check", "--json")
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
    """For each command, and for automations with mistakes where others need them."""
    (tmp_path / "binary").write_bytes(b"\xff")
    bad = written(tmp_path, GOOD.replace("color", "colour"))

    assert Ran("automations", "check", str(tmp_path / "none")).status == 2
    assert Ran("automations", "check", str(tmp_path / "binary")).status == 2
    assert Ran("automations", "test", str(tmp_path / "none")).status == 2
    for command in ("test", "explain"):
        ran = Ran("automations", command, "-", "--file", bad, answer=json.dumps(FAILED))
        assert ran.status == 2
        assert "did you mean color?" in ran.err


def test_each_shape_of_event_is_tried() -> None:
    """The stream's, a webhook's and a pulled message: with the shipped file, an effect each."""
    ran = Ran(
        *("automations", "test", "-", "--json"),
        answer=lines(FAILED, DELIVERED, PULLED, PROCESSED),
    )

    assert ran.status == 0
    assert [*ran.json["totals"].values()] == [4, 0, 7, 0, 0]
    found = [(each["event_id"], each["automation"]) for each in ran.json["outcomes"]]
    assert found == [
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
def test_what_gcloud_prints_is_a_list(tmp_path: Path, indent: int | None) -> None:
    """Over many lines."""
    file = tmp_path / "pulled.json"
    file.write_text(json.dumps([PULLED, PULLED], indent=indent), encoding="utf-8")

    assert Ran("automations", "test", str(file), "--json").json["totals"]["effect"] == 4


def test_effects_are_lines_for_a_person() -> None:
    """One for each, with the fields; the totals at the end."""
    ran = Ran("automations", "test", "-", answer=lines(FAILED, FAILED | {"run_id": None}))
    head, first, second = ran.out.splitlines()

    assert head.split() == ["event_id", "automation", "action", "outcome", "what"]
    assert first.split()[:2] == ["e1", "failed"]
    assert '{"target_type":"run","target_id":"r1","color":"red"' in first
    assert "rejected" in second
    assert "'event.run_id' is null for this event" in second
    assert ran.err == "2 events: 1 effect, 1 rejected, 0 overruled; 0 bad lines."
    assert ran.status == 0


def test_the_first_automation_of_a_target_wins(tmp_path: Path) -> None:
    """The second is shown with which one comes first."""
    file = written(tmp_path, GOOD + GOOD.replace('"red"', '"blue"'))
    ran = Ran("automations", "test", "-", "--file", file, answer=lines(FAILED))

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
def test_a_bad_line_is_named_and_the_rest_goes_on(bad: str, code: str) -> None:
    """By its number and why; the exit status tells."""
    answer = f"{lines(FAILED)}\n{bad}\n{lines(FAILED)}"
    ran = Ran("automations", "test", "-", "--json", answer=answer)

    assert ran.status == 1
    assert [(each["line"], each["code"]) for each in ran.json["bad"]] == [(3, code)]
    assert [ran.json["totals"][name] for name in ("events", "bad", "effect")] == [2, 1, 2]
    assert f"Line 3: is no event ({code})" in Ran("automations", "test", "-", answer=answer).err


def explained(event: Any, file: str) -> Any:
    """The verdict of the only automation in a file."""
    ran = Ran("automations", "explain", "-", "--file", file, "--json", answer=json.dumps(event))
    assert ran.status == 0
    (found,) = ran.json["automations"]
    return found


@pytest.mark.parametrize(
    ("change", "verdict", "shown"),
    [
        ({}, {"applies": True, "decided_by": "", "value": True}, "gives true"),
        ({"event_type": "x"}, {"decided_by": "type", "glob": ""}, "x fits none of prompt_run."),
        ({"payload": {"n": 1}}, {"decided_by": "condition", "value": False}, "gives false"),
        ({"payload": {}}, {"decided_by": "condition", "lacks": "'n'"}, "asks for 'n', which"),
    ],
)
def test_why_an_automation_applies_or_not(
    tmp_path: Path, change: dict[str, Any], verdict: dict[str, Any], shown: str
) -> None:
    """Its type, and then its condition."""
    file = written(tmp_path, GOOD)
    found = explained(FAILED | change, file)

    assert found["verdict"] == found["verdict"] | {"applies": False} | verdict
    assert (found["fields"] is not None) is found["verdict"]["applies"]
    answer = json.dumps(FAILED | change)
    ran = Ran("automations", "explain", "-", "--file", file, answer=answer)
    assert shown in ran.out
    assert "processing.run_failed fits processing.*failed of prompt_run.failed" in ran.out or (
        "event_type" in change
    )


def test_the_channel_is_named(tmp_path: Path) -> None:
    """What came by webhook is not what the stream brings."""
    file = written(tmp_path, GOOD)
    found = explained(DELIVERED, file)

    assert (found["verdict"]["decided_by"], found["outcome"]) == ("channel", "none")
    ran = Ran("automations", "explain", "-", "--file", file, answer=json.dumps(DELIVERED))
    assert "channel     webhook is not stream" in ran.out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (GOOD.replace("event.payload.n > 3", "event.payload.n"), "expression_failed: The condit"),
        (GOOD.replace("event.run_id", "event.payload.x"), "expression_failed: The expression"),
        (GOOD.replace("{event.run_id}", "{''}"), "no_target: The marker has no"),
        (
            GOOD.partition("[automation.u")[0] + "issue_signed_url.gcs_uri = 'http://b/o'",
            "bad_gcs_uri: 'http://b/o' is not",
        ),
    ],
)
def test_what_would_be_rejected_says_why(tmp_path: Path, text: str, shown: str) -> None:
    """A condition that is none, a text that fails, fields that are of no use."""
    file = written(tmp_path, text)
    ran = Ran("automations", "explain", "-", "--file", file, answer=json.dumps(FAILED))

    assert f"rejected    {shown}" in ran.out
    assert explained(FAILED, file)["outcome"] == "rejected"


def test_one_event_is_explained() -> None:
    """All automations of the shipped file; neither two events nor none."""
    ran = Ran("automations", "explain", "-", answer=json.dumps(FAILED, indent=2))

    assert ran.status == 0
    assert ran.out.count("automation  ") == 11
    assert ran.out.count("outcome     effect") == 1
    assert "target      marker:run:r1" in ran.out
    assert Ran("automations", "explain", "-", answer=lines(FAILED, FAILED)).status == 2
    assert Ran("automations", "explain", "-", answer="").status == 2
    ran = Ran("automations", "explain", "-", answer="{}")
    assert (ran.status, ran.err) == (
        1,
        "This is no event (missing_id): event_id is missing or null",
    )


def test_the_schema_is_written() -> None:
    """As it is kept beside the shipped file."""
    assert Ran("automations", "schema").out == schema_text()
    assert SHIPPED.with_suffix(".schema.json").read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("command", ["check", "test", "explain", "schema"])
def test_help_states_the_exit_statuses(command: str) -> None:
    """On every command."""
    text = " ".join(Ran("automations", command, "--help").out.split())

    assert "Exit status: 0 all is well; 1 mistakes" in text
