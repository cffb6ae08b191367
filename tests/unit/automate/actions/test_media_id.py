"""Ids of media: the valid values of an automation's field."""

from typing import Any

import pytest

from videovector_bridge.automate.actions.media_id import MAX_ID_CHARACTERS, parse_media_id
from videovector_bridge.errors import PermanentError


@pytest.mark.parametrize("value", ["v", "../a b/ü", "v" * MAX_ID_CHARACTERS])
def test_any_text_is_an_id(value: str) -> None:
    """VideoVector decides which ids are valid."""
    assert parse_media_id(value, "video_id") == value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "is 'None'"),
        ("", "is ''"),
        (5, "is '5'"),
        (["v" * 1_000], "is \"['vvv"),
        ("v" * 1_001, "has 1,001 characters"),
        ("\ud800", "half a surrogate pair"),
    ],
)
def test_what_is_no_id_is_rejected(value: Any, words: str) -> None:
    """The message names the object, the field and the problem."""
    with pytest.raises(PermanentError) as raised:
        parse_media_id(value, "segment_id")

    assert str(raised.value).startswith("There is no segment to act on: segment_id ")
    assert words in str(raised.value)
    assert len(str(raised.value)) < 150
    assert (raised.value.owner, raised.value.code) == ("user", "no_target")
