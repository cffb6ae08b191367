"""`api.stream.Position`: the Last-Event-ID after the frames so far."""

import pytest

from videovector_bridge.api.stream import Position


def after(*frames: tuple[str, str | None], cursor: str | None = None) -> Position:
    """Return the position after frames of (last event id, event_id)."""
    position = Position(cursor, "latest", "0")
    for last_event_id, event_id in frames:
        position.advance(last_event_id, event_id)
    return position


def test_a_frames_own_id_is_the_cursor() -> None:
    """The id of the last frame is the cursor, with or without an event."""
    assert after(("a", "a"), ("b", "b")).cursor == "b"
    assert after(("a", "a"), ("b", None)).cursor == "b"


def test_without_ids_the_event_id_is_the_cursor() -> None:
    """A stream of frames without id lines is resumed by event_id."""
    assert after(("", "a"), ("", "b")).cursor == "b"
    assert after(("a", "a"), ("a", "b")).cursor == "b"


def test_ids_that_differ_from_event_ids_are_never_mixed() -> None:
    """Once an id differs from the event_id, frames without id leave the cursor unchanged."""
    position = after(("1", "a"), ("1", "b"))

    assert position.cursor == "1"
    assert position.ids_differ
    position.advance("2", "c")
    assert position.cursor == "2"


def test_a_frame_without_ids_moves_nothing() -> None:
    """Neither a bare id nor a rejected frame without id moves the cursor."""
    assert after(("", None), cursor="x").cursor == "x"
    assert after(("a", "a"), ("", None), ("a", None)).cursor == "a"


@pytest.mark.parametrize("id_", [" a", "a ", "a\tb", "a\x0bb", "\x7f", "x" * 5_000, "a\u2028b"])
def test_an_id_that_no_header_can_carry_is_not_a_cursor(id_: str) -> None:
    """Such an id leaves the cursor unchanged: events repeat, none is lost."""
    assert after(("good", "good"), (id_, "e")).cursor == "good"
    assert after(("good", "good"), (id_, "e"), ("next", "next")).cursor == "next"


def test_ids_beyond_ascii_are_cursors() -> None:
    """An id is UTF-8, in a header too."""
    assert after(("é-1", "é-1")).cursor == "é-1"


@pytest.mark.parametrize(
    ("cursor", "start_from", "asked"),
    [
        (None, "latest", None),
        (None, "earliest", "0"),
        (None, "evt-7", "evt-7"),
        ("evt-9", "latest", "evt-9"),
        ("evt-9", "earliest", "evt-9"),
        ("evt-9", "evt-7", "evt-9"),
    ],
)
def test_a_stream_without_a_cursor_begins_at_start_from(
    cursor: str | None, start_from: str, asked: str | None
) -> None:
    """With a cursor, `start_from` no longer matters."""
    position = Position(cursor, start_from, "0")

    assert position.last_event_id == asked
    assert position.begin_again("earliest").last_event_id == "0"
