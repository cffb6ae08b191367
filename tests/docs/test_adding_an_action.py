"""docs/adding-an-action.md: an action is one module and one row, and everything else follows."""

import json
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from tests.support import ROOT
from tests.support.commands import run_command
from tests.support.deployed_function import DeployedFunction
from tests.support.event_messages import event
from tests.support.pages import find_code
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.schema import build_schema

PAGE = ROOT / "docs" / "adding-an-action.md"
BODY = """
    video_id = task.desired["video_id"]
    (row,) = context.api.batch_segments([video_id])
    stored = context.backend.documents.read("counts", video_id, timeout=10)
    fields = {"segments": len(row["segments"])}
    context.backend.documents.write("counts", video_id, fields, replaces=stored, timeout=10)
"""
COUNT = """
[[automation]]
name = "count"
on = ["processing.video_completed"]
[automation.count_segments]
video_id = "{event.video_id}"
"""


@pytest.fixture
def row() -> Iterator[None]:
    """Add the module of the page to the table, with a body for `apply`."""
    (code,) = find_code(PAGE, "python")
    module = types.ModuleType("count_segments")
    assert "    raise NotImplementedError  #" in code
    exec(re.sub(r"    raise NotImplementedError  #.*\n", BODY, code), module.__dict__)  # noqa: S102 - our own page
    ACTIONS[module.ACTION.name] = module.ACTION
    yield
    del ACTIONS[module.ACTION.name]


@pytest.mark.usefixtures("row")
def test_a_redelivery_changes_nothing(deploy: Callable[[str], DeployedFunction]) -> None:
    """The host serves its entry point; the document is written once."""
    counts = deploy("count_segments")
    counts.automations(COUNT)
    video = next(iter(counts.standin.state.library.videos.values()))
    completed = event(event_type="processing.video_completed", video_id=video.video_id)

    assert counts.push(completed) == 200
    assert counts.push(completed) == 200

    document = counts.backend.documents.read("counts", video.video_id, timeout=10)
    assert document is not None
    assert document.fields == {"segments": len(video.segments)}
    assert counts.requests("POST /videos/batch/segments") == 1
    assert counts.record(f"count:{video.video_id}").fields["pending"] == {}


@pytest.mark.usefixtures("row")
def test_the_command_line_and_the_schema_know_the_action(tmp_path: Path) -> None:
    """`check` names mistakes, `test` plans the effect, `filters` derives the filter."""
    file = tmp_path / "a.toml"
    file.write_text(COUNT.replace("video_id =", "video ="), encoding="utf-8")
    printed = run_command("automations", "check", str(file)).out
    assert "count_segments.video_id: is missing: the video" in printed
    assert "did you mean video_id?" in printed

    file.write_text(COUNT, encoding="utf-8")
    assert run_command("automations", "check", str(file)).status == 0
    completed = json.dumps(event(event_type="processing.video_completed", video_id="v1"))
    result = run_command("automations", "test", "-", "--file", str(file), "--json", stdin=completed)
    assert result.json["outcomes"][0]["target"] == "count:v1"
    filters = run_command("automations", "filters", "--file", str(file), "--json").json["filters"]
    assert filters["count_segments"].endswith('"com.vectormethods.processing.video_completed"')

    automation = {"name": "a", "on": ["*"], "count_segments": {"video_id": "v"}}
    validator = Draft7Validator(build_schema())
    assert validator.is_valid({"automation": [automation]})
    assert not validator.is_valid({"automation": [automation | {"count_segments": {}}]})


def test_an_action_without_a_row_is_unknown() -> None:
    """The table is the only registry of actions."""
    assert "count_segments" not in ACTIONS
