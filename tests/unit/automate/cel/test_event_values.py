"""The values of an event for expressions: only the used fields, without nulls, converted once."""

from typing import Any

import cel
import orjson
import pytest

from videovector_bridge.automate.cel.event_values import MAX_LEVELS, EventValues, Excerpt, Size
from videovector_bridge.automate.cel.expressions import compile_expression
from videovector_bridge.automate.cel.templates import compile_template
from videovector_bridge.automate.plan import Automation
from videovector_bridge.errors import PermanentError

FIELDS: dict[str, Any] = {
    "event_id": "e1",
    "event_type": "prompt_run.failed",
    "channel": "stream",
    "run_id": "r1",
    "video_id": None,
    "odd": None,
    "payload": {
        "n": 5,
        "gap": None,
        "list": [1, None, [None, {"a": None, "b": 2}]],
        "deep": {"a": {"b": "c", "gap": None}, "other": "x"},
    },
}


def taken(source: str) -> Excerpt:
    """The excerpt that an expression uses of the event above."""
    return EventValues(FIELDS).extract(compile_expression(source).paths)


@pytest.mark.parametrize(
    ("source", "event"),
    [
        ("event.run_id", {"run_id": "r1"}),
        ("event['run_id']", {"run_id": "r1"}),
        ("event.payload.n > 3 && event.run_id != ''", {"run_id": "r1", "payload": {"n": 5}}),
        ("event.payload.deep.a.b", {"payload": {"deep": {"a": {"b": "c"}}}}),
        ("event.payload.deep.a", {"payload": {"deep": {"a": {"b": "c"}}}}),
        ("event.payload.list[2]", {"payload": {"list": [1, [{"b": 2}]]}}),
        ("event.payload.list.exists(x, x == 1)", {"payload": {"list": [1, [{"b": 2}]]}}),
        ("event.payload.n.x", {"payload": {"n": 5}}),
        ("event.payload.n > event.payload.n.x", {"payload": {"n": 5}}),
        ("event.payload.missing.more", {"payload": {}}),
        ("has(event.payload.gap)", {"payload": {}}),
        ("event.missing.more", {}),
        ("event.video_id != null", {"video_id": None}),
        ("event.video_id.x", {"video_id": None}),
        ("event.odd", {}),
        ("1 + 1 == 2", {}),
    ],
)
def test_an_expression_takes_no_more_than_it_asks_for(source: str, event: dict[str, Any]) -> None:
    """Only the fields on its paths, without nulls. A path ends at a value without fields."""
    assert taken(source).event == event


@pytest.mark.parametrize("source", ["event", "size(event)", "event[event.run_id]"])
def test_who_asks_for_the_whole_event_gets_it(source: str) -> None:
    """Documented fields stay null, others are removed."""
    whole = {
        "event_id": "e1",
        "event_type": "prompt_run.failed",
        "channel": "stream",
        "run_id": "r1",
        "video_id": None,
        "payload": {
            "n": 5,
            "list": [1, [{"b": 2}]],
            "deep": {"a": {"b": "c"}, "other": "x"},
        },
    }

    assert taken(source).event == whole


def test_a_field_counts_once_though_two_paths_have_it() -> None:
    """A longer path adds nothing to a shorter one. Each path has its own size."""
    both = taken("event.payload.deep.a.b == 'c' || event.payload.deep == 1")
    one = taken("event.payload.deep == 1")

    assert (both.event, both.weight) == (one.event, one.weight)
    assert both.sizes["payload", "deep", "a", "b"] == Size(3, 0)
    assert both.sizes["payload", "deep"] == one.sizes["payload", "deep"]


def test_the_length_of_a_value_is_that_of_its_longest_list_or_object() -> None:
    """At any level."""
    values = EventValues({"payload": {"a": [1, {"b": 1, "c": [1, 2, 3, None, 5]}]}})

    assert values.extract((("payload", "a"),)).sizes["payload", "a"].length == 5


def test_nothing_of_the_event_is_changed() -> None:
    """The event itself still has its nulls."""
    before = orjson.dumps(FIELDS)
    taken("event")

    assert orjson.dumps(FIELDS) == before


@pytest.fixture(name="conversions")
def counted_conversions(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events that were converted for the library, one by one."""
    converted: list[Any] = []
    context = cel.Context

    def counting(variables: dict[str, Any]) -> cel.Context:
        converted.append(variables["event"])
        return context(variables)

    monkeypatch.setattr(cel, "Context", counting)
    return converted


def test_the_same_fields_are_converted_once(conversions: list[Any]) -> None:
    """For all expressions that use them, in all automations."""
    values = EventValues(FIELDS)
    for source in ("event.payload.n > 3", "event.payload.n < 9", "event['payload']['n'] == 5"):
        assert compile_expression(source).evaluate(values) is True
    assert compile_template("{event.payload.n}").render(values) == 5

    assert conversions == [{"payload": {"n": 5}}]


def test_nothing_is_converted_for_an_automation_of_another_type_or_channel(
    conversions: list[Any],
) -> None:
    """The globs decide first, then the channel, and only then the condition."""
    condition = compile_expression("event.payload.n > 3")
    other_type = Automation("a", ("media.*",), "search", "", condition)
    other_channel = Automation("b", ("prompt_run.*",), "search", "webhook", condition)
    values = EventValues(FIELDS)

    assert other_type.judge(values).decided_by == "type"
    assert other_channel.judge(values).decided_by == "channel"
    assert conversions == []


def test_texts_are_rendered_only_when_they_are_asked_for(conversions: list[Any]) -> None:
    """`judge` converts the fields of the condition, and not those of the texts."""
    fields = {"note": compile_template("{event.run_id}")}
    automation = Automation("a", ("*",), "search", "", compile_expression("event.payload.n > 3"))
    values = EventValues(FIELDS)

    assert automation.judge(values).applies
    assert conversions == [{"payload": {"n": 5}}]
    assert Automation("b", ("*",), "search", "", None, fields).render(values) == {"note": "r1"}
    assert conversions == [{"payload": {"n": 5}}, {"run_id": "r1"}]


def test_conversions_are_forgotten_before_they_take_too_much_memory() -> None:
    """Many expressions over large parts of one event do not keep all copies."""
    values = EventValues({"payload": dict.fromkeys("abc", "x" * 200)}, max_cached=100)
    first = values.extract((("payload", "a"),))
    again = values.extract((("payload", "a"),))
    second = values.extract((("payload", "b"),))

    assert first is again
    assert values.extract((("payload", "b"),)) is second
    assert values.extract((("payload", "a"),)) is not first


@pytest.mark.parametrize("levels", [MAX_LEVELS + 1, 900])
def test_what_is_nested_too_deep_is_refused_where_it_is_asked_for(levels: int) -> None:
    """Other fields of the same event can be used."""
    deep = orjson.loads('{"a":' * levels + "[]" + "}" * levels)
    values = EventValues({"run_id": "r1", "payload": {"deep": deep}})

    assert compile_expression("event.run_id == 'r1'").evaluate(values) is True
    for source in ("event.payload.deep.a == 1", "has(event.payload.deep)", "size(event) > 1"):
        with pytest.raises(PermanentError, match="nested more than 100 levels") as caught:
            compile_expression(source).evaluate(values)
        assert (caught.value.owner, caught.value.code) == ("vendor", "too_deep")


def test_the_deepest_that_is_allowed_can_be_compared() -> None:
    """The library accepts values at this limit."""
    deep = orjson.loads("[" * MAX_LEVELS + "1" + "]" * MAX_LEVELS)
    values = EventValues({"payload": {"deep": deep}})

    assert compile_expression("event.payload.deep != 1").evaluate(values) is True
