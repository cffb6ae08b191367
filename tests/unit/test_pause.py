"""`pause`: the field of a paused stream or channel."""

from typing import Any

import pytest

from videovector_bridge.pause import Pause, parse_pause

PAUSE = Pause("2026-01-02T03:04:05Z", "the CRM is down", "ana@laptop")


def test_a_pause_survives_its_field() -> None:
    """What is written is what is read."""
    assert parse_pause({"paused": PAUSE.as_field()}) == PAUSE


@pytest.mark.parametrize("fields", [{}, {"paused": None}, {"paused": ""}, {"paused": {}}], ids=str)
def test_an_empty_field_is_no_pause(fields: dict[str, Any]) -> None:
    """Or an absent one."""
    assert parse_pause(fields) is None


@pytest.mark.parametrize(
    ("value", "pause"),
    [
        (True, Pause("", "", "")),
        ("broken", Pause("", "broken", "")),
        ({"reason": 7, "by": None}, Pause("", "7", "")),
        (["x"], Pause("", "", "")),
    ],
    ids=str,
)
def test_what_a_person_types_is_a_pause(value: object, pause: Pause) -> None:
    """With what can be read of it."""
    assert parse_pause({"paused": value}) == pause


def test_a_pause_is_a_clause_of_a_sentence() -> None:
    """One line, without a credential that a person pasted."""
    typed = parse_pause({"paused": {"reason": "see https://x.example/?token=abcd\nand call. "}})

    assert str(PAUSE) == "paused since 2026-01-02T03:04:05Z by ana@laptop: the CRM is down"
    assert str(Pause("", "", "")) == "paused: no reason is recorded"
    assert "abcd" not in str(typed)
    assert str(typed).endswith("and call")
