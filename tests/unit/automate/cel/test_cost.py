"""The maximum cost of an expression for an event, before it is evaluated."""

from typing import Any

import pytest

from videovector_bridge.automate.cel.cost import MAX_WORK
from videovector_bridge.automate.cel.event_values import EventValues, Excerpt, Size
from videovector_bridge.automate.cel.expressions import (
    ExpressionError,
    compile_expression,
)
from videovector_bridge.automate.cel.templates import compile_template
from videovector_bridge.errors import PermanentError


def cost(source: str, **payload: Any) -> int:
    """The cost of an expression for an event with this payload."""
    expression = compile_expression(source)
    return expression.cost.estimate(EventValues({"payload": payload}).extract(expression.paths))


def cost_by_size(source: str, items: int, weight: int) -> int:
    """The cost of an expression if each list that it uses has this size."""
    expression = compile_expression(source)
    sizes = {path: Size(weight, items) for path in expression.paths}
    return expression.cost.estimate(Excerpt({}, sizes, weight * len(sizes)))


ROW = 55  # what an object with seven fields weighs
FIVE_MEGABYTES = 50_000  # such objects


@pytest.mark.parametrize(
    "source",
    [
        "size(event.payload.rows) > 3",
        "event.payload.rows[0].x == 1",
        "event.payload.rows.exists(r, r.n == 1)",
        "event.payload.rows.all(r, r.n >= 0 && r.ok)",
        "event.payload.rows.exists_one(r, r.id == 'seg_1')",
    ],
)
def test_one_macro_over_the_largest_event_is_allowed(source: str) -> None:
    """These read each item once."""
    assert cost_by_size(source, FIVE_MEGABYTES, FIVE_MEGABYTES * ROW) <= MAX_WORK


def test_a_macro_over_the_items_of_each_item_reads_all_of_them_once() -> None:
    """Twice as many items cost twice as much, for any distribution in inner lists."""
    source = "event.payload.rows.all(r, r.tags.all(t, t != ''))"
    small, large = (cost(source, rows=[{"tags": ["a", "b"]}] * items) for items in (1_000, 2_000))

    assert 1.9 < large / small < 2.1
    assert cost_by_size(source, 10_000, 10_000 * ROW) <= MAX_WORK


@pytest.mark.parametrize(
    "source",
    [
        "event.payload.a.all(x, event.payload.a.all(y, x != y))",
        "event.payload.a.exists(x, x in event.payload.b)",
        "event.payload.a.map(x, x)",
        "event.payload.a.filter(x, true)",
        "event.payload.a.map(x, x > 1, x)",
        "event.payload.a.all(x, size(event.payload.a + event.payload.b) > x)",
    ],
)
def test_what_reads_a_list_for_each_item_costs_the_square(source: str) -> None:
    """So do `map` and `filter`, which copy their list at every item."""
    small, large = (cost(source, a=[1] * items, b=[1] * items) for items in (1_000, 2_000))

    assert 3 < large / small < 5
    assert cost_by_size(source, 100, 200) < MAX_WORK < cost_by_size(source, 10_000, 20_000)


def test_a_field_of_the_event_may_be_asked_for_at_each_item() -> None:
    """The size of other fields does not matter."""
    source = "event.payload.rows.exists(r, r.id == event.payload.main)"
    rows = [{"id": "a", "text": "x" * 100}] * 5_000

    assert cost(source, rows=rows, main="b") <= MAX_WORK
    assert cost(source, rows=rows, main="b" * 60_000) > MAX_WORK


def test_a_list_that_grows_in_one_macro_is_larger_in_the_next() -> None:
    """The cost is too high even for an empty event."""
    grown = "event.payload.a" + ".map(x, [x, x])" * 8
    assert cost(grown, a=[]) < 100_000
    assert cost(grown, a=[1]) > MAX_WORK

    with pytest.raises(ExpressionError, match="for any event"):
        compile_expression("['aaaa']" + ".map(x, x + x)" * 20)


@pytest.mark.parametrize(
    "source",
    [
        "[{0}].all(a, [{0}].all(b, [{0}].all(c, a + b == c)))",
        "[{0}].map(a, [{0}]).map(b, b.map(c, c))",
    ],
)
def test_what_costs_too_much_without_an_event_is_a_mistake_in_the_file(source: str) -> None:
    """Lists in the source count too."""
    with pytest.raises(ExpressionError, match="for any event"):
        compile_expression(source.replace("{0}", ",".join(["1"] * 200)))
    compile_expression(source.replace("{0}", "1,2,3"))


def test_macros_are_nested_five_deep_at_most() -> None:
    """The work of the estimate doubles with each macro."""
    names = "abcdef"
    nested = "true"
    for outer, inner in zip(reversed(("event.x", *names[:4])), reversed(names[:5]), strict=True):
        nested = f"{outer}.all({inner}, {nested})"
    compile_expression(nested)

    with pytest.raises(ExpressionError, match="more than 5 deep"):
        compile_expression(f"event.y.all(f, {nested})")


PAYLOAD = {"a": list(range(10_000)), "s": "aab" * 60_000, "l": ["seg_0001"] * 5_000}


@pytest.mark.parametrize(
    "source",
    [
        "event.payload.a.all(x, event.payload.a.all(y, x + y >= 0))",
        "event.payload.a.filter(x, x >= 0).size() == 10000",
        "event.payload.a.all(x, event.payload.a.exists(y, y == x))",
        "event.payload.l.all(x, x.matches('^\\\\w+$'))",
        "event.payload.s.matches('[ab]*a[ab]{900}[cd]')",
    ],
)
def test_an_event_that_would_take_minutes_is_refused_at_once(source: str) -> None:
    """The rejection has a hint."""
    with pytest.raises(PermanentError, match="exists and all cost less than filter") as caught:
        compile_expression(source).evaluate(EventValues({"payload": PAYLOAD}))
    assert (caught.value.owner, caught.value.code) == ("user", "expression_too_costly")

    with pytest.raises(PermanentError, match=r"up to [0-9,]+ times the allowed work"):
        compile_template("{" + source + "}").render(EventValues({"payload": PAYLOAD}))


@pytest.mark.parametrize(
    "source",
    [
        "event.payload.l.exists(x, x == 'seg_0001')",
        "event.payload.l.all(x, x.startsWith('seg_'))",
        "event.payload.a.exists(x, x == 9999)",
        "event.payload.s.matches('^(aab)+$')",
        "event.payload.l[0].matches('^[a-z]+_[0-9]{4}$')",
    ],
)
def test_an_event_as_large_is_no_matter_for_others(source: str) -> None:
    """These read it once."""
    assert compile_expression(source).evaluate(EventValues({"payload": PAYLOAD})) is True


def test_a_refusal_of_any_size_has_a_sentence() -> None:
    """Even where the number has many digits."""
    grown = compile_expression("event.payload.a" + ".map(x, [x, x])" * 45)

    with pytest.raises(PermanentError, match="up to 1,000,000 times"):
        grown.evaluate(EventValues({"payload": {"a": [1]}}))


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("event.a.matches(event.b)", "not one text in quotes"),
        ("event.a.matches('a' + event.b)", "not one text in quotes"),
        ("event.a.matches()", "not one text in quotes"),
        ("matches(event.a, 'a')", "not one text in quotes"),
        ("event.a.matches('(')", "not a pattern: regex parse error: ( ^ error: unclosed group"),
        (r"event.a.matches('\\w{1000}')", "not a pattern: Compiled regex exceeds size limit"),
        ("event.a.matches(b'a')", "not a pattern"),
    ],
)
def test_a_pattern_is_checked_when_the_file_is_read(source: str, problem: str) -> None:
    """The cost of a pattern from an event is unbounded."""
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)

    assert problem in str(caught.value)
