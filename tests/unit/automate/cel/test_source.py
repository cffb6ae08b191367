"""The text of an expression: the fields it asks for, and its form with indexes."""

import pytest

from videovector_bridge.automate.cel.source import MAX_DEPTH, parse_source


@pytest.mark.parametrize(
    ("source", "indexed"),
    [
        ("event.run_id", 'event["run_id"]'),
        ("event.payload.n > 3", 'event["payload"]["n"] > 3'),
        ("event . payload //x\n .n", 'event ["payload"] //x\n ["n"]'),
        ("event.payload['n'].x", 'event["payload"][\'n\']["x"]'),
        ("event.payload.list.all(x, x.y)", 'event["payload"]["list"].all(x, x.y)'),
        ("event.payload.all", 'event["payload"]["all"]'),
        ("event.list[0].x", 'event["list"][0].x'),
        ("event.size()", "event.size()"),
        ("has(event.payload.n)", 'has(event["payload"].n)'),
        ("has((event.payload.n))", 'has((event["payload"].n))'),
        ("has(event.n) && event.n", 'has(event.n) && event["n"]'),
        ("event.list.all(event, event.x)", 'event["list"].all(event, event.x)'),
        (
            "event.list.map(event, event.x) + event.x",
            'event["list"].map(event, event.x) + event["x"]',
        ),
        ("'event.x' + event.x", "'event.x' + event[\"x\"]"),
        ("x.event.y", "x.event.y"),
        ("events.x", "events.x"),
    ],
)
def test_fields_of_the_event_are_indexed(source: str, indexed: str) -> None:
    """The same expression, which the library evaluates without copies."""
    assert parse_source(source).indexed == indexed


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("event.a.b.c", [("a", "b", "c")]),
        ("event['a']['b c'].d", [("a", "b c", "d")]),
        ("event.a + event.b + event.a", [("a",), ("b",)]),
        ("event.a[event.b]", [("a",), ("b",)]),
        ("event.a[0].b", [("a",)]),
        ("event", [()]),
        ("event.a.all(x, x == event.b)", [("a",), ("b",)]),
        ("[1].all(event, event.a)", []),
        ("event" + ".a" * 40, [("a",) * 32]),
        (r"event['a\n'].b", [()]),
        ("event.a.", [("a",)]),
        ("event[", [()]),
        ("))event.a[(", [("a",)]),
    ],
)
def test_paths_are_what_is_asked_of_the_event(source: str, paths: list[tuple[str, ...]]) -> None:
    """Text that is not CEL is parsed as well."""
    assert list(parse_source(source).paths) == paths


@pytest.mark.parametrize(
    ("source", "depth"),
    [
        ("event.a", 0),
        ("event.a.all(x, x)", 1),
        ("event.a.map(x, x).filter(x, x).all(x, x)", 1),
        ("event.a.all(x, x.all(y, y))", 2),
        ("[event.a.all(x, x.map(y, y))].all(z, z)", 2),
        ("size(event.a.all(x, x))", 1),
        ("event.all(x)", 0),
        ("all(x, x)", 0),
    ],
)
def test_macros_are_counted_within_one_another(source: str, depth: int) -> None:
    """Consecutive macros are not nested."""
    assert parse_source(source).nested_macros == depth


@pytest.mark.parametrize("link", [".size()", ".map(x, x)", ".f(1, 2)"])
def test_too_long_a_chain_of_calls_is_not_read(link: str) -> None:
    """The estimate is recursive."""
    assert parse_source("event" + link * MAX_DEPTH).paths == ((),)
    assert parse_source("event" + link * 400).terms == ()
    nested = "event"
    for _ in range(9):
        nested = f"({nested}{link * 30})"
    assert parse_source(nested).terms == ()


def test_too_many_brackets_are_not_read() -> None:
    """The parser is recursive."""
    assert parse_source("(" * MAX_DEPTH + "event.a" + ")" * MAX_DEPTH).paths == (("a",),)
    deep = parse_source("(" * 3_000 + "event.a" + ")" * 3_000)
    assert (deep.depth, deep.terms) == (3_000, ())
