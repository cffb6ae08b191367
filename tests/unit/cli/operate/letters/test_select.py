"""`letters.letter`, `letters.select` and `letters.summary`: what is read, selected and counted."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.letters import (
    PUBLISHED_AT,
    dead_letter,
    event_copy,
    pulled,
    raw_rejection,
    rejection,
    rejections,
)
from videovector_bridge.backends.ports import Message
from videovector_bridge.cli.operate.letters.letter import Kind, Letter, read_letter
from videovector_bridge.cli.operate.letters.select import (
    Selection,
    find_functions,
    find_incomplete,
    select_letters,
)
from videovector_bridge.cli.operate.letters.summary import summarize

FUNCTIONS = {"upsert_marker": "upsert-markers", "blue-searches": "run-searches"}
NOW = PUBLISHED_AT + timedelta(hours=1)


def read(message: Message, kind: Kind = "rejected", message_id: str = "1") -> Letter:
    """Read one letter."""
    return read_letter(kind, pulled(message, message_id), FUNCTIONS)


ONE = read(rejection(event_copy("e1")))


def test_a_rejection_has_its_code_and_its_function() -> None:
    """The function is named as in the deployment."""
    assert (ONE.code, ONE.reason, ONE.automation) == ("validation_refused", "user", "red")
    assert (ONE.function, ONE.event_type) == ("upsert-markers", "prompt_run.failed")
    assert (ONE.group, ONE.is_event) == ("", True)


def test_a_dead_letter_has_the_function_of_its_subscription() -> None:
    """Pub/Sub names the subscription; without a function, that name is shown."""
    one = read(dead_letter(event_copy("e1"), "blue-searches"), "dead-letters")
    other = read(dead_letter(event_copy("e1"), "removed"), "dead-letters")

    assert (one.function, other.function) == ("run-searches", "removed")
    assert one.key == other.key


def test_attributes_of_a_consumer_are_not_those_of_a_rejection() -> None:
    """A dead letter may have any attributes."""
    names = {"code": "c", "automation": "a", "part": "1", "parts": "2"}
    one = read(Message(b"", names), "dead-letters")

    assert (one.code, one.automation, one.group) == ("", "", "")


@pytest.mark.parametrize(
    "fields",
    [
        {"codes": ("no_target", "validation_refused")},
        {"reasons": ("user",)},
        {"automations": ("red",)},
        {"functions": ("upsert-markers",)},
        {"types": ("processing.*", "prompt_run.*")},
        {"ids": ("e1",)},
        {"ids": ("1",)},
        {"older_than": 3_600.0, "newer_than": 3_600.0},
        {},
    ],
)
def test_a_letter_is_selected_if_every_field_matches(fields: dict[str, Any]) -> None:
    """One value of each field suffices; an empty field matches."""
    assert Selection(**fields).matches(ONE, NOW)
    assert Selection(**fields).is_empty == (not fields)
    assert not Selection(**{"codes": ("other",), **fields, "ids": ("e9",)}).matches(ONE, NOW)


@pytest.mark.parametrize("fields", [{"older_than": 3_601.0}, {"newer_than": 3_599.0}])
def test_the_age_counts_from_publishing(fields: dict[str, float]) -> None:
    """At least so old, at most so old."""
    assert not Selection(**fields).matches(ONE, NOW)  # type: ignore[arg-type]


def parts_of(name: str, count: int = 3, **context: str) -> list[Letter]:
    """The letters of an event in parts."""
    messages = rejections(event_copy(name), data=b"x" * (9_500_000 * (count - 1) + 1), **context)
    return [read(message, message_id=f"{name}-{number}") for number, message in enumerate(messages)]


def test_parts_of_one_whole_are_one_group() -> None:
    """Another automation's parts are another group, also of the same event."""
    red, blue = parts_of("e1"), parts_of("e1", automation="blue")

    assert len({each.group for each in red}) == len({each.group for each in blue}) == 1
    assert red[0].group != blue[0].group
    assert find_incomplete(red) == set()
    assert find_incomplete(red[1:] + blue) == {red[0].group}


def test_a_frame_is_complete_with_its_last_part() -> None:
    """Only that one knows the number of parts."""

    def part(number: int, parts: str) -> Letter:
        names = {"frame": "f", "part": str(number), "parts": parts, "code": "too_large"}
        return read(Message(b"x", {k: v for k, v in names.items() if v}), message_id=str(number))

    first, second, last = part(1, ""), part(2, ""), part(3, "3")

    assert find_incomplete([last, first, second]) == set()
    assert find_incomplete([first, second]) == {"f"}
    assert find_incomplete([first, last]) == {"f"}


def test_all_parts_are_selected_with_one() -> None:
    """By the id of a message, for example."""
    letters = [*parts_of("e1"), ONE]

    selected = select_letters(letters, Selection(ids=("e1-2",)), NOW)

    assert selected == letters[:3]


def test_functions_are_found_by_name_and_action() -> None:
    """Others are problems."""
    actions = {"upsert-markers": "upsert_marker", "drain": ""}

    assert find_functions(["upsert_marker", "upsert-markers"], actions) == (
        ["upsert-markers"] * 2,
        [],
    )
    assert find_functions(["drain"], actions) == (
        [],
        ["--function drain: the deployment has no such function, only upsert-markers"],
    )


def test_letters_are_counted_by_what_they_have_in_common() -> None:
    """The largest group first; an event with two rejections counts once."""
    late = pulled(rejection(event_copy("e1")), "2", PUBLISHED_AT + timedelta(minutes=1))
    letters = [
        read(raw_rejection(), message_id="3"),
        ONE,
        read_letter("rejected", late, FUNCTIONS),
    ]

    first, second = summarize("rejected", letters)

    assert first.values == (
        *("validation_refused", "user", "upsert-markers", "red", "prompt_run.failed"),
    )
    assert (first.messages, first.events, first.example) == (2, 1, "e1")
    assert (first.oldest, first.newest) == (PUBLISHED_AT, late.published_at)
    assert second.values == ("bad_json", "vendor", "", "", "")
    assert second.example == "3"
