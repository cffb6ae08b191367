"""Any text compiles or raises `ExpressionError`; any event gives a JSON value or a rejection."""

import json
from typing import Any

import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from videovector_bridge.automate.cel.event_values import EventValues
from videovector_bridge.automate.cel.expressions import (
    ExpressionError,
    compile_expression,
)
from videovector_bridge.automate.cel.templates import compile_template
from videovector_bridge.errors import PermanentError

WORDS = (
    *("event", "payload", "x", "exists", "map", "has", "size", "true", "null", "in", "r", "b"),
    *("(", ")", "[", "]", "{", "}", "{{", "}}", ".", ",", "?", ":", "+", "-", "!", "==", "&&"),
    *("'", '"', "'''", '"""', "\\", "//", "\n", " ", "1", "1u", "0.5", "1e9", "é", "🎬", "\x00"),
)
cel_like = st.lists(st.sampled_from(WORDS), max_size=25).map("".join)
any_text = st.one_of(st.text(max_size=60), cel_like)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
# What the vendor's events are like, rather than anything.
payloads = st.fixed_dictionaries(
    {},
    optional={
        "n": st.none() | st.integers(-5, 5) | st.text(max_size=2),
        "rows": st.none()
        | st.lists(st.none() | st.fixed_dictionaries({}, optional={"n": json_values}), max_size=3),
        "deep": json_values | st.fixed_dictionaries({"a": json_values}),
    },
)
SOURCES = (
    *("event.payload.n", "event.payload.n > 3", "has(event.payload.n)", "event.video_id != null"),
    *("event.payload.n == null", "has(event.payload.deep.a)", "has(event.payload.deep.a.b)"),
    *("event.payload.deep.a", "event.payload.deep.a.b", "event['payload'].deep['a']"),
    *("event.payload.rows[0].n", "size(event.payload.rows) + event.payload.n"),
    *("event.payload.rows.exists(r, r.n == event.payload.n)", "event.payload.rows"),
    *("event.payload.rows.map(r, has(r.n), r.n)", "event.payload.rows.filter(r, r.n == 1)"),
    *("event.payload.rows.all(event, event.n > 0)", "event == event", "event.run_id"),
    *("event.payload.missing || event.payload.n == 1", "event.payload[event.run_id]"),
    "has(event.payload.n) ? event.payload.n : event.payload.deep.a",
    *("event.payload.deep.exists(k, k == 'a')", "event.payload.deep == {'a': 1}"),
)
# JSON cannot carry half a surrogate pair past the parser.
events = st.dictionaries(st.sampled_from(["payload", "x", "run_id"]), json_values)


@settings(max_examples=400)
@given(any_text, events)
def test_any_text_is_an_expression_or_an_error(source: str, event: dict[str, Any]) -> None:
    """It raises only the documented errors, and its values are JSON."""
    try:
        value = compile_expression(source).evaluate(EventValues(event))
    except (ExpressionError, LookupError, PermanentError):
        return
    assert value == json.loads(json.dumps(value, allow_nan=False))


@settings(max_examples=400)
@given(any_text, events)
def test_any_text_is_a_template_or_an_error(source: str, event: dict[str, Any]) -> None:
    """Templates raise only the documented errors."""
    try:
        value = compile_template(source).render(EventValues(event))
    except (ExpressionError, PermanentError):
        return
    json.dumps(value, allow_nan=False)


@given(st.text(max_size=60))
def test_text_with_doubled_braces_is_itself(text: str) -> None:
    """With doubled braces, any text is literal."""
    doubled = text.replace("{", "{{").replace("}", "}}")

    assert text == compile_template(doubled).render(EventValues({}))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
def test_any_string_of_cel_may_stand_in_braces(text: str) -> None:
    """Quotes and braces inside a string of CEL do not end the expression."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')

    assert f"<{text}>" == compile_template(f'<{{"{quoted}"}}>').render(EventValues({}))


@settings(max_examples=400)
@given(st.sampled_from(SOURCES), payloads, st.none() | st.just("v1"))
def test_a_part_of_the_event_is_as_good_as_the_whole(
    source: str, payload: dict[str, Any], video_id: str | None
) -> None:
    """The value is the same with the whole event and with the excerpt."""
    event = {"run_id": "n", "video_id": video_id, "payload": payload}
    whole = {**event, "payload": without_nulls(payload)}
    try:
        expected: Any = cel.compile(source).execute({"event": whole})
    except LookupError:
        expected = LookupError
    except Exception:  # noqa: BLE001  # the library has no error of its own
        expected = PermanentError
    try:
        actual: Any = compile_expression(source).evaluate(EventValues(event))
    except (LookupError, PermanentError) as error:
        actual = LookupError if isinstance(error, LookupError) else type(error)

    assert actual == expected


def without_nulls(value: Any) -> Any:
    """A JSON value without null members and items."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value if item is not None]
    return value
