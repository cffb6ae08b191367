"""An action is one module and one row: everything else follows (docs/adding-an-action.md)."""

import json
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from tests.support import ROOT
from tests.support.event_messages import event
from tests.support.subscribing import Deployed
from tests.unit.cli.test_cli import Ran
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.schema import automations_schema

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
    """The module of the page, with a body for its effect, and its row in the table."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    module = types.ModuleType("count_segments")
    assert "    raise NotImplementedError  #" in code
    exec(re.sub(r"    raise NotImplementedError  #.*\n", BODY, code), module.__dict__)  # noqa: S102 - our own page
    ACTIONS[module.ACTION.name] = module.ACTION
    yield
    del ACTIONS[module.ACTION.name]


@pytest.mark.usefixtures("row")
def test_it_has_an_effect_once(deploy: Callable[[str], Deployed]) -> None:
    """Its entry point is there, and a redelivery changes nothing."""
    counts = deploy("count_segments")
    counts.automations(COUNT)
    world = counts.standin._world
    assert world is not None
    video = next(iter(world.library.videos.values()))
    one = event(event_type="processing.video_completed", video_id=video.video_id)

    assert counts.push(one) == 200
    assert counts.push(one) == 200

    found = counts.backend.documents.read("counts", video.video_id, timeout=10)
    assert found is not None
    assert found.fields == {"segments": len(video.segments)}
    assert counts.requests("POST /videos/batch/segments") == 1
    assert counts.record(f"count:{video.video_id}").fields["pending"] == {}


@pytest.mark.usefixtures("row")
def test_the_command_line_and_editors_know_it(tmp_path: Path) -> None:
    """Mistakes in it are named, its effects planned, its filter derived."""
    file = tmp_path / "a.toml"
    file.write_text(COUNT.replace("video_id =", "video ="), encoding="utf-8")
    printed = Ran("automations", "check", str(file)).out
    assert "count_segments.video_id: is missing: the video" in printed
    assert "did you mean video_id?" in printed

    file.write_text(COUNT, encoding="utf-8")
    assert Ran("automations", "check", str(file)).status == 0
    one = json.dumps(event(event_type="processing.video_completed", video_id="v1"))
    ran = Ran("automations", "test", "-", "--file", str(file), "--json", answer=one)
    assert ran.json["outcomes"][0]["target"] == "count:v1"
    found = Ran("automations", "filters", "--file", str(file), "--json").json["filters"]
    assert found["count_segments"].endswith('"com.vectormethods.processing.video_completed"')

    automation = {"name": "a", "on": ["*"], "count_segments": {"video_id": "v"}}
    validator = Draft7Validator(automations_schema())
    assert validator.is_valid({"automation": [automation]})
    assert not validator.is_valid({"automation": [automation | {"count_segments": {}}]})


def test_without_the_row_it_is_not_known() -> None:
    """The table is the one place."""
    assert "count_segments" not in ACTIONS
