"""A match of a saved search: its key, and its data in a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.event_messages import nested
from videovector_bridge.automate.actions.search import match_key, trim_match


def test_a_match_without_an_id_is_named_by_its_place() -> None:
    """Two segments are two matches, even with the same text."""
    here = {"video_id": "v", "segment_id": "s", "start_time": 1.0, "end_time": 2.0}

    assert match_key("a", here) == match_key("a", {**here, "text_content": "other"})
    assert match_key("a", here) != match_key("a", {**here, "start_time": 1.5})
    assert match_key("a", here) != match_key("b", here)
    assert match_key("a", {**here, "result_id": "r"}) == match_key("a", {"result_id": "r"})
    assert match_key("a", {"result_id": "r", "result_type": "x"}) != match_key(
        "a", {"result_id": "r"}
    )


@given(st.text(max_size=2_000), st.text(max_size=2_000))
def test_the_key_of_a_match_is_short_for_any_id(one: str, other: str) -> None:
    """It is valid as the name of a record and in a message."""
    keys = [match_key("a", {"result_id": id_}) for id_ in (one, other)]

    assert all(len(key) == 40 and key.isalnum() for key in keys)
    assert (keys[0] == keys[1]) == (one == other)


@pytest.mark.parametrize(
    "large",
    ["x" * 20_001, {"deep": [{"picture": "x" * 20_001}]}, list(range(10_000)), nested(300)],
    ids=["a text", "a text in an object", "a long list", "many levels"],
)
def test_what_no_message_holds_is_left_out(large: object) -> None:
    """A match is published without its pictures, wherever they are."""
    match = {"result_id": "r", "large": large, "text_content": "y" * 19_990}

    assert trim_match(match) == {"result_id": "r", "text_content": "y" * 19_990}


def test_a_match_of_many_fields_is_cut_down_to_its_identity() -> None:
    """It is not redelivered without end."""
    pad = {f"field_{number}": "x" * 15_000 for number in range(100)}
    identity = {"result_id": "r", "result_type": "segment", "video_id": "v", "start_time": 1.5}

    assert trim_match(pad | identity) == identity
