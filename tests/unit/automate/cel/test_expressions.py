"""CEL in automations: valid expressions, their values, and the messages about mistakes."""

import contextlib
from dataclasses import replace
from typing import Any, cast

import cel
import pytest

from videovector_bridge.automate.cel.event_values import EventValues
from videovector_bridge.automate.cel.expressions import (
    FUNCTIONS,
    MAX_EXPRESSION,
    ExpressionError,
    compile_expression,
)
from videovector_bridge.automate.cel.templates import MAX_TEMPLATE, compile_template
from videovector_bridge.errors import PermanentError

EVENT: dict[str, Any] = {
    "event_id": "e1",
    "event_type": "prompt_run.failed",
    "run_id": "r1",
    "video_id": None,
    "created_at": "2026-01-01T00:00:00Z",
    "payload": {
        "n": 5,
        "ratio": 1.5,
        "ok": True,
        "nothing": None,
        "gaps": [None, 1, {"a": None, "b": 2}],
        "list": [1, 2, 4],
        "rows": [{"x": 1}, {"x": 9}],
        "name": 'a "b" {c}',
        "big": 2**63,
        "huge": 10**30,
        "deep": {"a": {"b": "c"}},
    },
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("run {event.run_id} failed", "run r1 failed"),
        ("", ""),
        ("no braces", "no braces"),
        ("{{}}", "{}"),
        ("{{event.run_id}}", "{event.run_id}"),
        ("{{{event.run_id}}}", "{r1}"),
        ("{event.run_id}}}", "r1}"),
        ("{event.run_id}{event.payload.n}", "r15"),
        ("{{'a': 1}}", "{'a': 1}"),
        ("{ {'a': {'b': 'x'}}.a.b }", "x"),
        ("<{ {'a': {'b': 'x'}}.a.b }>", "<x>"),
        ("{'}'}", "}"),
        ('{"{"}', "{"),
        ("{'it''s'}", None),
        ("{'it\\'s }'}!", "it's }!"),
        ("{r'\\'}!", "\\!"),
        ("{'''a'}b'''}!", "a'}b!"),
        ("{event.payload.name}!", 'a "b" {c}!'),
        ("n={event.payload.n}", "n=5"),
        ("r={event.payload.ratio}", "r=1.5"),
        ("ok={event.payload.ok}", "ok=true"),
        ("l={event.payload.list}", "l=[1,2,4]"),
        ("d={event.payload.deep}", 'd={"a":{"b":"c"}}'),
        ("{timestamp(event.created_at)}", "2026-01-01T00:00:00Z"),
        ("{duration('90s')} long", "90s long"),
        ("{duration('1500ms')}", "1.5s"),
        ("ключ {event.run_id} 🎬", "ключ r1 🎬"),
        ("{'🎬}'}", "🎬}"),
    ],
)
def test_text_is_rendered(source: str, expected: str | None) -> None:
    """Expressions are replaced; doubled braces and braces in strings are text."""
    if expected is None:
        with pytest.raises(ExpressionError):
            compile_template(source)
        return
    assert expected == compile_template(source).render(EventValues(EVENT))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{event.payload.n}", 5),
        ("{event.payload.ratio}", 1.5),
        ("{event.payload.ok}", True),
        ("{null}", None),
        ("{ null }", None),
        ("{event.payload.list}", [1, 2, 4]),
        ("{event.payload.deep}", {"a": {"b": "c"}}),
        ("{event.payload.list.map(x, x * 2)}", [2, 4, 8]),
        ("{ event.payload.n }", 5),
        (" {event.payload.n}", " 5"),
        ("{-9223372036854775808}", -(2**63)),
    ],
)
def test_a_lone_expression_keeps_its_type(source: str, expected: object) -> None:
    """A text that is one expression keeps the type of its value."""
    value = compile_template(source).render(EventValues(EVENT))

    assert expected == value
    assert type(expected) is type(value)


@pytest.mark.parametrize(
    "source",
    [
        "event.payload.list.exists(x, x > 3)",
        "event.payload.rows.all(row, row.x > 0)",
        "event.payload.list . exists ( x , x > 3 )",
        "event.payload.list.exists(// the first\n x, x > 3)",
        "event.payload.list.filter(x, x > 3).map(y, y + 1) == [5]",
        "[[1], [2]].all(x, x.exists(y, y in [1, 2]))",
        "event.payload.list.map(x, x > 1, x) == [2, 4]",
        "[1, 2].exists_one(x, x == 1)",
        "event.payload.list.exists(event, event > 3)",
        "'x' == 'x' && event.payload.rows.exists(x, x.x == 9)",
        "has(event.payload.n)",
        "event['run_id'] == 'r1'",
        "event.payload.big > 5u",
        "event.payload.huge > 1.0",
        "!(event.payload.n in [1, 2])",
        "event.payload.missing > 3 || true",
    ],
)
def test_conditions_hold(source: str) -> None:
    """Names that macros bind are known within them; other fields do not matter."""
    assert compile_expression(source).evaluate(EventValues(EVENT)) is True


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("run_id", "names run_id"),
        ("evnt.run_id", "names evnt"),
        (".event.run_id", "names .event"),
        ("event.list.exists(x, x > 3) && x > 1", "names x"),
        ("x.exists(x, x > 3)", "names x"),
        ("event.list.exists(x, y > 3)", "names y"),
        ("event.x == 'list.exists(y,' && y", "names y"),
        ("{a: 1}", "names a"),
        ("event.run_id.startWith('r')", "calls startWith"),
        ("substring(event.run_id, 1)", "calls substring"),
        ("now()", "calls now"),
        ("1 +", "is not CEL: <input>:1:4"),
        ("", "is not CEL"),
        ("event.run_id)", "is not CEL"),
        ("event.'x'", "is not CEL"),
        ("99999999999999999999", "is not CEL"),
    ],
)
def test_a_mistake_is_named_when_the_file_is_read(source: str, named: str) -> None:
    """Mistakes are reported before the first event."""
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)

    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["{event.run_id", "{", "a } b", "}", "{event.x}}", "{'a}", "{}"])
def test_braces_must_match(source: str) -> None:
    """An unmatched brace is a mistake. A literal brace is written twice."""
    with pytest.raises(ExpressionError):
        compile_template(source)


@pytest.mark.parametrize(
    "source",
    [
        "event.payload.missing",
        "event.payload.missing.more > 3",
        "event['zz']",
        "event.payload.list[9] == 1",
        "event.payload.rows.exists(r, r.zz > 1)",
        "has(event.zz.x)",
        "event.payload.nothing > 3",
        "event.payload.nothing",
        "event.video_id.x",
        "event.video_id.startsWith('v')",
    ],
)
def test_a_missing_field_is_a_lookup_error(source: str) -> None:
    """A missing field raises another error than a failing expression."""
    with pytest.raises(LookupError):
        compile_expression(source).evaluate(EventValues(EVENT))
    with pytest.raises(PermanentError, match="which this event lacks") as caught:
        compile_template("{" + source + "}").render(EventValues(EVENT))

    assert (caught.value.owner, caught.value.code) == ("user", "expression_failed")


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("has(event.payload.nothing)", False),
        ("event.payload.nothing == null || true", True),
        ("event.payload.gaps", [1, {"b": 2}]),
        ("size(event.payload.gaps)", 2),
        ("event.video_id == null", True),
        ("event.video_id != null && event.video_id.startsWith('v')", False),
        ("has(event.video_id)", True),
        ("[event.video_id]", [None]),
    ],
)
def test_null_in_a_payload_is_not_there(source: str, value: object) -> None:
    """At every depth. A documented id that is null is null."""
    assert compile_expression(source).evaluate(EventValues(EVENT)) == value


@pytest.mark.parametrize(
    ("source", "what", "guard"),
    [
        ("event.video_id", "is null", 'when = "event.video_id != null"'),
        ("event.payload.nothing", "uses 'nothing'", 'when = "has(event.payload.nothing)"'),
        ("event['payload']['zz'] + 1", "uses 'zz'", 'when = "has(event.payload.zz)"'),
        ("event.video_id.size()", "uses 'video_id'", 'when = "event.video_id != null"'),
        (
            "has(event.payload.zz) ? event.payload.zz : event.payload.deep.b",
            "uses 'b'",
            "{has(event.payload.deep.b) ? ",
        ),
        ("event.payload.n > 3 ? null : 'x'", "is null", "when = "),
        ("event.payload['a b']", "uses 'a b'", "with `when`"),
        ("event.payload.list[9]", "uses index out of bounds: 9", "with `when`"),
    ],
)
@pytest.mark.parametrize("text", ["{%s}", "in {%s}"])
def test_a_text_of_null_is_a_rejection_that_says_how_to_guard_it(
    text: str, source: str, what: str, guard: str
) -> None:
    """Whether it is the whole text or a part of it."""
    with pytest.raises(PermanentError) as caught:
        compile_template(text % source).render(EventValues(EVENT))

    assert f"The expression {source!r} {what}" in str(caught.value)
    assert guard in str(caught.value)
    assert (caught.value.owner, caught.value.code) == ("user", "expression_failed")


def test_what_an_event_says_is_not_repeated_at_length() -> None:
    """The name of a missing field may have megabytes."""
    values = EventValues({"payload": {"key": "x" * 1_000_000}})

    for source in ("event.payload[event.payload.key]", "int(event.payload.key)"):
        with pytest.raises(PermanentError) as caught:
            compile_template("{" + source + "}").render(values)
        assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize(
    "source",
    [
        "event.payload.n + 'x'",
        "1 / 0",
        "9223372036854775807 + 1",
        "int('x')",
        "timestamp(event.run_id)",
        "b'bytes'",
        "0.0 / 0.0",
        "1.0 / 0.0",
        "{1: 2}",
        "event.payload.big",
        "event.payload.huge * 1e300 * 1e300",
        "size(1)",
    ],
)
def test_a_failing_expression_is_the_users_error(source: str) -> None:
    """Wrong types and values that JSON lacks are rejections that name the expression."""
    expression = compile_expression(source)

    with pytest.raises(PermanentError, match="The expression") as caught:
        expression.evaluate(EventValues(EVENT))

    assert (caught.value.owner, caught.value.code) == ("user", "expression_failed")


def test_a_panic_of_the_library_is_an_error_like_others() -> None:
    """An exception outside `Exception`, as the binding raises for a panic, does not escape."""

    class PanicException(BaseException):
        pass

    class Panicking:
        source = "event"

        def execute(self, _: object) -> object:
            raise PanicException("index out of range")

    expression = replace(compile_expression("event"), program=cast("cel.Program", Panicking()))

    with pytest.raises(PermanentError, match="index out of range"):
        expression.evaluate(EventValues(EVENT))


def test_an_interruption_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while an expression compiles ends the program."""

    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cel, "compile", interrupted)

    with pytest.raises(KeyboardInterrupt):
        compile_expression("1")


@pytest.mark.parametrize(
    "source",
    [
        "+".join(["1"] * 1_990),
        "event" + ".a" * 1_990,
        "event" + "[0]" * 1_300,
        "!" * 3_990 + "true",
        "(" * 1_900 + "1" + ")" * 1_900,
        "[" * 1_900 + "]" * 1_900,
        "true?1:" * 500 + "1",
        "{1:" * 990 + "1" + "}" * 990,
        "event" + ".size()" * 560,
        "event" + ".map(x,x)" * 430,
        "[1]" + ".map(x,[x])" * 49,
    ],
    ids=lambda source: source[:9],
)
def test_the_largest_expressions_do_not_end_the_process(source: str) -> None:
    """At the limit of length every way of nesting compiles and runs, or is an error."""
    assert len(source) <= MAX_EXPRESSION
    with contextlib.suppress(ExpressionError, PermanentError, LookupError):
        compile_expression(source).evaluate(EventValues(EVENT))


def test_size_is_bounded() -> None:
    """Longer expressions, which could crash the process, are refused."""
    with pytest.raises(ExpressionError, match="more than 4,000 characters"):
        compile_expression("1" + "+1" * MAX_EXPRESSION)
    with pytest.raises(ExpressionError, match="more than 20,000 characters"):
        compile_template("x" * (MAX_TEMPLATE + 1))


def test_a_value_that_is_nested_too_deeply_is_refused() -> None:
    """The value of an expression is limited to the depth of a record, for any event."""
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"a": deep}

    assert compile_template("{event.b}").render(EventValues({"a": deep, "b": 1})) == 1
    with pytest.raises(PermanentError, match="nested"):
        compile_template("{event.a}").render(EventValues({"a": deep}))


CALLS = {
    "size": "size('')",
    "contains": "''.contains('')",
    "startsWith": "''.startsWith('')",
    "endsWith": "''.endsWith('')",
    "matches": "''.matches('')",
    "type": "type(1)",
    "dyn": "dyn(1)",
    "string": "string(1)",
    "int": "int('1')",
    "uint": "uint('1')",
    "double": "double('1')",
    "bytes": "bytes('') == b''",
    "timestamp": "timestamp('2026-01-01T00:00:00Z')",
    "duration": "duration('1s')",
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_that_is_offered_exists(name: str) -> None:
    """A new version of the library may not lose a function."""
    source = CALLS.get(name, f"timestamp('2026-01-01T00:00:00Z').{name}()")

    compile_expression(source).evaluate(EventValues(EVENT))
