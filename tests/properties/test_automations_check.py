"""Any TOML file is read, or its mistakes are reported. The warnings of the check are true."""

import json
import tomllib
from datetime import UTC, date, datetime, time
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.reader import OWN_KEYS, read_automations
from videovector_bridge.automate.automations.schema import build_schema
from videovector_bridge.automate.check.check import check_automations
from videovector_bridge.automate.check.overruled import find_overruled
from videovector_bridge.automate.plan import plan
from videovector_bridge.automate.received import ReceivedEvent, parse_event
from videovector_bridge.errors import SettingsError

VALIDATOR = Draft7Validator(build_schema())
FIELDS = sorted({name for action in ACTIONS.values() for name in action.fields})
CONDITION = ("field", "operator", "type", "value")

# Valid values of some field; here they also occur in other fields.
words = st.sampled_from(
    [
        *("", " ", "run", "equals", "string", "is_empty", "stream", "bridge", "gs://media/o", "*"),
        *("prompt_run.*", "(a|b)", "{event.run_id}", "{event.payload.x}", "{1}", "{x}", "{", "1 +"),
        *("event.payload.n > 3", "true", "1"),
    ]
)
texts = words | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
keys = st.sampled_from(["automation", *OWN_KEYS, *ACTIONS, *FIELDS, *CONDITION]) | texts
plain = (
    texts
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.times()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
)
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
tables = st.dictionaries(keys, values, max_size=3)
# One field has any value, the others are valid.
GOOD: dict[str, dict[str, Any]] = {
    "upsert_marker": {"target_type": "run", "target_id": "r", "color": "red", "note": "n"},
    "delete_marker": {"target_type": "run", "target_id": "r", "field_path": "f"},
    "issue_signed_url": {"gcs_uri": "gs://media/o", "signer": "storage", "force_refresh": True},
    "store_preview": {"video_id": "v", "name": "n"},
    "snapshot_media": {"video_id": "v"},
    "search": {
        "conditions": [{"field": "f", "operator": "equals", "type": "string", "value": "x"}],
        "run_ids": ["r"],
        "index_ids": ["i"],
    },
}
actions = st.sampled_from(sorted(GOOD)).flatmap(
    lambda name: st.builds(
        lambda fields, key, value: {name: {**fields, key: value}},
        st.just(GOOD[name]),
        st.sampled_from(sorted(ACTIONS[name].fields)),
        values | st.lists(tables, max_size=2) | tables,
    )
)
own = st.fixed_dictionaries(
    {"name": st.just("a") | values, "on": st.just(["*"]) | values},
    optional={"channel": values, "when": texts | values},
)
automations = st.builds(lambda left, right: left | right, own, actions | tables) | tables
files = tables | st.fixed_dictionaries({"automation": st.lists(automations, max_size=3)})


def toml(value: Any) -> str:
    """`value` in TOML's inline form."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    return (
        json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
        if isinstance(value, str)
        else str(value).lower()
    )


def event(event_type: str, channel: str) -> ReceivedEvent:
    """An event of that type on that channel."""
    return parse_event(
        b'{"run_id": "r", "payload": {"x": 1, "n": 5}, "data": {"run_id": "r"}}',
        event_id="e",
        source="//x",
        event_type=f"com.vectormethods.{event_type}",
        channel=channel,
        stated_time="2026-01-01",
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )


EVENTS = [
    event(*each)
    for each in product(("prompt_run.failed", "search.matched"), ("stream", "webhook", "bridge"))
]


@settings(max_examples=600, deadline=None)
@given(files)
def test_any_file_is_read_or_its_mistakes_are_named(tables: dict[str, Any]) -> None:
    """Check, reader and plan never fail. Each message is one line."""
    text = "\n".join(f"{toml(key)} = {toml(value)}" for key, value in tables.items())
    tables = tomllib.loads(text)

    checked = check_automations(text, "a.toml", {})
    for mistake in (*checked.mistakes, *checked.warnings):
        assert str(mistake).isprintable()
        assert 1 <= mistake.line <= text.count("\n") + 1
    try:
        read = read_automations(text, "a.toml")
    except SettingsError:
        assert checked.mistakes
        return
    for one in EVENTS:
        assert all(planned.outcome for planned in plan(read, one))
    if not checked.mistakes:
        assert VALIDATOR.is_valid(tables)


@settings(max_examples=600, deadline=None)
@given(st.text())
def test_any_text_is_read_or_its_mistakes_are_named(text: str) -> None:
    """The text may be invalid TOML."""
    checked = check_automations(text, "a.toml", {})

    assert all(str(mistake).isprintable() for mistake in checked.mistakes)
    try:
        assert len(read_automations(text, "a.toml")) == checked.automations
    except SettingsError:
        assert checked.mistakes


markers = st.fixed_dictionaries(
    {
        "target_type": st.sampled_from(["run", "prompt"]),
        "target_id": st.sampled_from(["r", "{event.run_id}", "{event.payload.x}"]),
    }
)
compared = st.fixed_dictionaries(
    {"on": st.lists(st.sampled_from(["*", "prompt_run.*", "*failed", "search.*"]), min_size=1)},
    optional={
        "channel": st.sampled_from(["", "stream", "webhook", "bridge"]),
        "when": st.sampled_from(["true", "event.payload.n > 3", "event.payload.n > 9"]),
    },
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(compared, st.sampled_from(["upsert", "delete"]), markers), max_size=4))
def test_an_automation_reported_as_overruled_has_no_effect(
    files: list[tuple[Any, str, Any]],
) -> None:
    """No effect on any event for which the earlier automation is not rejected."""
    entries = [
        {"name": f"{place}", **each, f"{action}_marker": fields}
        for place, (each, action, fields) in enumerate(files)
    ]
    read = read_automations(f"automation = {toml(entries)}", "a.toml")
    named = [later.name for later, _ in find_overruled(read)]

    for one in EVENTS:
        outcomes = {planned.automation.name: planned.outcome for planned in plan(read, one)}
        assert all(outcomes[name] != "effect" for name in named)
