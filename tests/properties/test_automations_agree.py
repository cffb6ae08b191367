"""Subscribers and the schema accept every file that passes `automations check`."""

import json
import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.automate.automations.schema import build_schema
from videovector_bridge.automate.check.check import check_automations

VALIDATOR = Draft7Validator(build_schema())
texts = st.sampled_from(
    ["", "run", "runs", "stream", "{event.run_id}", "{event.x}", "{x}", "{", "event.payload", "1 +"]
) | st.text(st.characters(codec="ascii", exclude_characters="\x7f"), max_size=4)
anything = st.recursive(
    texts | st.booleans() | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


def sometimes(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly valid values, and others."""
    return st.one_of(right, right, right, right, anything)


templates = st.sampled_from(["x", "{event.run_id}", "at {event.payload.n}", "{event.x}"])
markers = st.fixed_dictionaries(
    {
        "target_type": sometimes(st.sampled_from(["run", "prompt", "{event.payload.kind}"])),
        "target_id": sometimes(templates),
    },
    optional={"color": sometimes(templates), "body": anything, "odd": anything},
)
bodies = st.fixed_dictionaries(
    {"body": st.dictionaries(texts, anything, max_size=2)}, optional={"target": templates}
)
links = st.fixed_dictionaries(
    {},
    optional={
        "gcs_uri": sometimes(templates),
        "segments": sometimes(st.booleans()),
        "signer": sometimes(st.sampled_from(["storage", "{event.x}"])),
        "force_refresh": sometimes(st.booleans()),
    },
)
searches = st.fixed_dictionaries(
    {},
    optional={
        "query": sometimes(templates),
        "top_k": sometimes(st.integers(0, 101) | templates),
        "conditions": sometimes(st.lists(st.dictionaries(texts, anything), max_size=5)),
        "index_ids": sometimes(st.lists(templates, max_size=2)),
    },
)
previews = st.fixed_dictionaries(
    {}, optional={name: sometimes(templates) for name in ("video_id", "segment_id", "name")}
)
own = st.fixed_dictionaries(
    {
        "name": sometimes(st.sampled_from(["a", "b", "c"])),
        "on": sometimes(st.lists(st.sampled_from(["*", "media.*", "x"]), min_size=1, max_size=2)),
    },
    optional={
        "channel": sometimes(st.sampled_from(["stream", "webhook", "bridge", ""])),
        "when": sometimes(st.just("event.payload.n > 3")),
    },
)
actions = st.one_of(
    st.fixed_dictionaries({"upsert_marker": sometimes(st.one_of(markers, bodies))}),
    st.fixed_dictionaries({"issue_signed_url": sometimes(links)}),
    st.fixed_dictionaries({"delete_marker": sometimes(st.one_of(markers, bodies))}),
    st.fixed_dictionaries({"store_preview": sometimes(previews)}),
    st.fixed_dictionaries(
        {"snapshot_media": sometimes(st.fixed_dictionaries({"video_id": texts}))}
    ),
    st.fixed_dictionaries({"search": sometimes(searches)}),
    st.dictionaries(st.sampled_from(["upsert_marker", "odd"]), anything, max_size=2),
)
files = st.lists(st.builds(lambda left, right: left | right, own, actions), max_size=2)


def toml(value: Any) -> str:
    """`value` in TOML's inline form."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


@settings(max_examples=400)
@given(files)
def test_what_check_passes_all_accept(automations: list[dict[str, Any]]) -> None:
    """The check finds a mistake in every file that the reader or the schema refuses."""
    text = f"automation = {toml(automations)}\n"
    assert tomllib.loads(text) == {"automation": automations}

    if not check_automations(text, "a.toml", {}).mistakes:
        assert len(read_automations(text, "a.toml")) == len(automations)
        assert VALIDATOR.is_valid(tomllib.loads(text))
