"""Texts of automations files."""

from tests.support import ROOT

SHIPPED = ROOT / "functions" / "automations.toml"
"""The file that is deployed."""

GOOD = """\
[[automation]]
name = "red"
on = ["prompt_run.failed", "processing.*failed"]
channel = "stream"
when = "event.payload.n > 3"
[automation.upsert_marker]
target_type = "run"
target_id = "{event.run_id}"
color = "red"
"""
"""One automation, each field on a line of its own."""

RED = """
[[automation]]
name = "red"
on = ["prompt_run.failed"]
[automation.upsert_marker]
target_type = "run"
target_id = "{event.run_id}"
color = "red"
note = "with {event.payload}"
"""
GREEN = RED.replace("red", "green").replace("failed", "completed")
GONE = """
[[automation]]
name = "gone"
on = ["prompt_run.completed"]
[automation.delete_marker]
target_type = "run"
target_id = "{event.run_id}"
"""
BY_EVENT = """
[[automation]]
name = "mark"
on = ["prompt_run.*"]
[automation.upsert_marker]
target_type = "run"
target_id = "{event.run_id}"
color = "{event.event_id}"
"""
"""The colour of a run's marker says which event set it."""


def coloring(name: str, target: str = "{event.run_id}") -> str:
    """An automation that sets the colour of the event's payload on the marker of a run."""
    return f"""
[[automation]]
name = "{name}"
on = ["prompt_run.*"]
[automation.upsert_marker]
target_type = "run"
target_id = "{target}"
color = "{{event.payload.color}}"
"""
