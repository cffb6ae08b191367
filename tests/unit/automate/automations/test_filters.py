"""Filters of subscriptions: the events that pass, and the limit of their length."""

import json
from pathlib import Path

import pytest

from infra.local.topology import FILE
from tests.support.commands import run_command
from tests.support.pubsub_filter import lets_through
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.filters import (
    MAX_FILTER_BYTES,
    NOTHING,
    derive_filters,
)
from videovector_bridge.automate.automations.reader import read_automations


def filter_of(*ons: list[str], channel: str = "") -> str:
    """The filter for markers on these types."""
    text = "".join(
        f'[[automation]]\nname = "{number}"\non = {json.dumps(on)}\nchannel = "{channel}"\n'
        '[automation.upsert_marker]\ntarget_type = "run"\ntarget_id = "r"\n'
        for number, on in enumerate(ons)
    )
    return derive_filters(read_automations(text, "a.toml"))["upsert_marker"]


def test_each_type_is_named() -> None:
    """By its whole name, or by the prefix before its first wildcard."""
    assert filter_of(["a.b"], ["c.*", "a.b"]) == (
        'attributes."ce-type" = "com.vectormethods.a.b" OR '
        'hasPrefix(attributes."ce-type", "com.vectormethods.c.")'
    )


def test_what_another_covers_is_left_out() -> None:
    """A prefix covers all types that begin with it."""
    assert filter_of(["a.b", "a.*", "a.bc*"]) == (
        'hasPrefix(attributes."ce-type", "com.vectormethods.a.")'
    )


def test_every_type_needs_no_filter() -> None:
    """Except for the bridge's own events, which need `channel`."""
    assert filter_of(["*"]) == 'NOT attributes."ce-channel" = "bridge"'
    assert filter_of(["*"], channel="bridge") == 'attributes."ce-channel" = "bridge"'


def test_the_canarys_reports_start_no_function() -> None:
    """They are the bridge's own events too."""
    text = filter_of(["bridge.*"])

    assert text.startswith('NOT attributes."ce-channel" = "bridge" AND ')
    assert filter_of(["bridge.canary"], channel="bridge").startswith('attributes."ce-channel" =')


def test_one_channel_is_named() -> None:
    """If all automations name it."""
    assert filter_of(["a", "b"], channel="webhook") == (
        'attributes."ce-channel" = "webhook" AND '
        '(attributes."ce-type" = "com.vectormethods.a" OR '
        'attributes."ce-type" = "com.vectormethods.b")'
    )


def test_what_takes_the_place_of_an_event_passes_with_its_channel() -> None:
    """Where such an event can have the type; for other types the channel alone is named."""
    stream = 'attributes."ce-channel" = "stream"'

    assert filter_of(["processing.run_completed"], channel="stream") == (
        f'({stream} OR attributes."ce-channel" = "reconciled") AND '
        'attributes."ce-type" = "com.vectormethods.processing.run_completed"'
    )
    assert filter_of(["processing.segment_completed"], channel="stream").startswith(f"{stream} AND")
    assert filter_of(["prompt_run.*"], channel="reconciled") == (
        'attributes."ce-channel" = "reconciled" AND '
        'hasPrefix(attributes."ce-type", "com.vectormethods.prompt_run.")'
    )


def test_an_action_that_no_automation_names_is_not_woken() -> None:
    """No message of the bridge passes."""
    assert filter_of() == NOTHING
    assert not lets_through(NOTHING, {"ce-type": "com.vectormethods.a"})


def test_many_types_become_few_prefixes() -> None:
    """Terms with the longest common prefix are joined first. Other types still do not pass."""
    ends = ("started", "completed", "failed", "cancelled", "progress")
    types = [f"prompt_run.{end}" for end in ends] + ["media.created"]
    filter_ = filter_of(types)

    assert len(filter_.encode()) <= MAX_FILTER_BYTES
    assert all(lets_through(filter_, {"ce-type": f"com.vectormethods.{each}"}) for each in types)
    assert not lets_through(filter_, {"ce-type": "com.vectormethods.export.ready"})


def test_a_type_that_is_too_long_is_cut() -> None:
    """More types may pass, never fewer."""
    filter_ = filter_of(["x" * 400])

    assert len(filter_.encode()) <= MAX_FILTER_BYTES
    assert lets_through(filter_, {"ce-type": "com.vectormethods." + "x" * 400})


def test_filters_are_compared_with_a_topology(tmp_path: Path) -> None:
    """The shipped one is as needed; another is named, and corrected by --write."""
    command = ("automations", "filters")
    assert run_command(*command, "--topology", str(FILE)).status == 0
    file = tmp_path / "topology.json"
    text = FILE.read_text(encoding="utf-8")
    file.write_text(text.replace("prompt_run.completed", "prompt_run.c"), encoding="utf-8")

    ran = run_command(*command, "--topology", str(file), "--json")
    assert (ran.status, ran.json["stale"]) == (1, ["delete_marker", "search"])
    assert "run-searches has another filter" in run_command(*command, "--topology", str(file)).err
    assert run_command(*command, "--topology", str(file), "--write").status == 0
    assert file.read_text(encoding="utf-8") == text
    assert ran.json["filters"].keys() >= {"upsert_marker", "search"}


def test_an_action_that_is_not_known_is_named(tmp_path: Path) -> None:
    """With its function and the known ones; nothing is written."""
    file = tmp_path / "topology.json"
    text = FILE.read_text(encoding="utf-8").replace('"upsert_marker"', '"upsert_markers"')
    file.write_text(text.replace('"action": "search"', '"action": 5'), encoding="utf-8")

    ran = run_command("automations", "filters", "--topology", str(file), "--write")

    assert ran.status == 2
    assert (
        "function 'upsert-markers' has the action 'upsert_markers', which is not known; known are "
        f"{', '.join(ACTIONS)}; did you mean upsert_marker?"
    ) in ran.err
    assert "function 'run-searches' has the action 5, which is not known; known are " in ran.err
    assert "KeyError" not in ran.err


@pytest.mark.parametrize("text", ["{}", "[]", "x", '{"functions": {"a": 1}, "subscriptions": 1}'])
def test_what_is_no_topology_is_wrong_usage(tmp_path: Path, text: str) -> None:
    """So is --write without one."""
    file = tmp_path / "topology.json"
    file.write_text(text, encoding="utf-8")

    assert run_command("automations", "filters", "--topology", str(file)).status == 2
    assert run_command("automations", "filters", "--write").status == 2


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ("", True),
        ('attributes."ce-type" = "a.b"', True),
        ('attributes."ce-type" = "a"', False),
        ('hasPrefix(attributes."ce-type", "a.")', True),
        ('NOT hasPrefix(attributes."ce-type", "a.")', False),
        ('attributes:"ce-type" AND NOT attributes:"other"', True),
        ('attributes."ce-type" = "x" OR (attributes:"ce-type" AND attributes:"other")', False),
    ],
)
def test_evaluator(filter_: str, *, expected: bool) -> None:
    """The evaluator of these tests follows the reference of Pub/Sub."""
    assert lets_through(filter_, {"ce-type": "a.b"}) is expected
