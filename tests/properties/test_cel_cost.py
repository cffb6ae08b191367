"""The cost of an expression is an upper bound of its work, for any event."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from videovector_bridge.automate.cel.event_values import EventValues
from videovector_bridge.automate.cel.expressions import compile_expression

trees = st.recursive(
    st.integers(0, 9), lambda inner: st.lists(inner, max_size=5), max_leaves=40
).filter(lambda tree: isinstance(tree, list))
# Over what each macro goes: the list of the event, or a variable of one of those around it.
shapes = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(
    lambda picks: [pick % (level + 1) for level, pick in enumerate(picks)]
)


def nested(shape: list[int], innermost: str) -> str:
    """Nested macros. `shape` selects the list of each macro from the names before it."""
    names = ["event.payload", *(f"v{level}" for level in range(1, len(shape) + 1))]
    text = innermost
    for level in reversed(range(len(shape))):
        text = f"{names[shape[level]]}.all({names[level + 1]}, {text})"
    return text


def times(shape: list[int], tree: Any) -> int:
    """The number of items that nested macros evaluate."""
    return _times(shape, [tree])


def _times(shape: list[int], bound: list[Any]) -> int:
    if not shape:
        return 0
    over = bound[shape[0]]
    items = over if isinstance(over, list) else []
    return sum(1 + _times(shape[1:], [*bound, item]) for item in items)


def cost(source: str, payload: Any) -> int:
    """The bound of the work for an event with this payload."""
    expression = compile_expression(source)
    return expression.cost.estimate(EventValues({"payload": payload}).extract(expression.paths))


@given(shapes, trees)
def test_no_item_is_begun_that_was_not_counted(shape: list[int], tree: Any) -> None:
    """For any lists and nesting of macros. Each item costs at least 10 units."""
    assert cost(nested(shape, "true"), tree) >= 10 * times(shape, tree)


@given(shapes, trees, trees)
def test_more_of_the_same_costs_more(shape: list[int], tree: Any, more: Any) -> None:
    """An event that contains another one costs at least as much."""
    source = nested(shape, "v1 != 3")

    assert cost(source, tree) <= cost(source, [*tree, *more])
    assert cost(source, tree) <= cost(source, [tree, more])


@given(trees, st.lists(st.sampled_from(["[x]", "x", "[x, x]", "[x, [x]]"]), max_size=3))
def test_no_list_is_larger_than_the_bound(tree: Any, bodies: list[str]) -> None:
    """The result of `map` has no more items than its work."""
    source = "event.payload" + "".join(f".map(x, {body})" for body in bodies)
    value = compile_expression(source).evaluate(EventValues({"payload": tree}))

    assert _items(value) <= cost(source, tree)


def _items(value: Any) -> int:
    return sum(1 + _items(item) for item in value) if isinstance(value, list) else 0
