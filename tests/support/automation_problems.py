"""Read automations files, and the problems in them."""

from textwrap import dedent

import pytest

from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.automate.plan import Automation
from videovector_bridge.errors import SettingsError

HEAD = '[[automation]]\nname = "a"\non = ["prompt_run.*"]\n'
"""The beginning of an automation, before its action."""

BAD_LINES = [
    # The line in GOOD, its replacement, the problem, and the number of the line that it names.
    ('name = "red"', "", "name: must be 1 to 100 characters of text", 1),
    ('name = "red"', "name = 5", "name: must be 1 to 100 characters of text", 2),
    ('name = "red"', 'name = "a\\nb"', "name: must be 1 to 100 characters of text", 2),
    ('channel = "stream"', 'channel = "sse"', "channel: must be one of stream, webhook", 4),
    ('channel = "stream"', "channel = [1]", "channel: must be one of stream, webhook", 4),
    ('channel = "stream"', 'chanel = "stream"', "chanel: is not known; known are name, on", 4),
    ('when = "event.payload.n > 3"', "when = 3", "when: must be a CEL expression in quotes", 5),
    ('when = "event.payload.n > 3"', 'when = "1 +"', "when: is not CEL: <input>:1:4", 5),
    ('when = "event.payload.n > 3"', 'when = "n > 3"', "when: names n, which is not known", 5),
    ('when = "event.payload.n > 3"', 'when = "f(event)"', "when: calls f, which is not known", 5),
    ('target_type = "run"', "", "upsert_marker: needs target_type with target_id or body", 6),
    ('target_type = "run"', 'target_type = "video"', "must be one of prompt, run, field", 7),
    ('target_id = "{event.run_id}"', "target_id = 5", "target_id: must be text in quotes", 8),
    ('target_id = "{event.run_id}"', 'target_id = "{run_id}"', "target_id: names run_id", 8),
    ('target_id = "{event.run_id}"', 'target_id = "{event"', "target_id: has a { without its }", 8),
    ('color = "red"', 'colour = "red"', "upsert_marker.colour: is not known; known are", 9),
    ('color = "red"', "body = 3", "upsert_marker.body: must be a table", 9),
    ('color = "red"', 'body = { a = "{x}" }', "upsert_marker.body.a: names x", 9),
    ('color = "red"', "body = { a = 2026-01-01 }", "is not a JSON value; write it in quotes", 9),
    ('color = "red"', "body = { a = [nan] }", "is not a JSON value; write it in quotes", 9),
    ('color = "red"', "body = { a = 1 }", "upsert_marker.body: cannot be combined with", 9),
    ('when = "event.payload.n > 3"', 'when = " "', "when: is empty; leave it out", 5),
    (
        'target_id = "{event.run_id}"',
        'target_id = " "',
        "target_id: must not be empty: the id",
        8,
    ),
    ('color = "red"', "body = {}", "upsert_marker.body: must not be empty: the whole body", 9),
    ('color = "red"', "color = 2026-01-01", "color: must be text in quotes, not 2026-01-01", 9),
    ('color = "red"', "color = [1, [2]]", "color: must be text in quotes, not a list", 9),
]


def read(text: str) -> tuple[Automation, ...]:
    """The automations of a file called `a.toml`."""
    return read_automations(dedent(text), "a.toml")


def problems(text: str) -> list[str]:
    """Every problem of a file that has some."""
    with pytest.raises(SettingsError) as caught:
        read(text)
    return list(caught.value.problems)
