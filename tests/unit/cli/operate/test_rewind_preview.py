"""`cli.operate.rewind_preview`: what is counted, and what a person reads."""

import json
from typing import Any

import pytest

from tests.support.automations import RED, coloring
from tests.support.event_messages import event
from videovector_bridge.automate.automations.reader import parse_automations
from videovector_bridge.cli.operate.rewind_output import print_preview
from videovector_bridge.cli.operate.rewind_preview import Preview
from videovector_bridge.cli.operate.stream_reading import ReadEvent
from videovector_bridge.events import Event, Rejection, decode_event

AUTOMATIONS = parse_automations(
    "\n".join([RED, coloring("unsure", "{event.payload.missing}")]), "a.toml"
).automations
HERE = {"cursor": "evt-0009", "start_from": None}


def read(number: int, **changes: Any) -> ReadEvent:
    """Return an event as it is read."""
    plain = event(f"evt-{number:04}", event_type="media.created")
    decoded = decode_event(json.dumps(plain | changes).encode())
    assert isinstance(decoded, Event)
    return ReadEvent(decoded, None, decoded.id)


FAILED = {"event_type": "prompt_run.failed", "run_id": "run_1"}


def counted(*frames: ReadEvent, end: Any = "cursor") -> Preview:
    """Return the preview of frames."""
    preview = Preview("evt-0000", end=end)
    for each in frames:
        preview.add(each, AUTOMATIONS)
    return preview


def test_effects_and_refusals_are_counted_by_automation() -> None:
    """As the functions would decide."""
    preview = counted(read(1, **FAILED), read(2, **FAILED), read(3))

    assert preview.effects == {"red": 2}
    assert preview.refused_effects == {"unsure": 2}
    assert preview.events == 3


def test_what_no_automation_can_act_on_is_counted_all_the_same() -> None:
    """Bytes that are no event, an event whose time is wrong, and a frame that moves the cursor."""
    no_event = ReadEvent(Rejection("bad_json", "not JSON"), "evt-0001", "evt-0002")
    moves = ReadEvent(None, "evt-0002", "evt-0003")
    preview = counted(no_event, moves, read(4, **FAILED, created_at="soon"))

    assert (preview.rejected, preview.types.total(), preview.events) == (1, 1, 2)
    assert preview.effects == {}


def test_an_event_without_its_data_is_counted_by_type() -> None:
    """A very large one is not decoded."""
    large = read(1, **FAILED)
    assert isinstance(large.event, Event)
    preview = counted(ReadEvent(large.event._replace(data=b""), None, "evt-0001"))

    assert (preview.types.total(), preview.effects) == (1, {})


@pytest.mark.parametrize(
    ("frames", "end", "said"),
    [
        ([read(1, **FAILED)], "cursor", "all up to the present cursor"),
        ([read(1, **FAILED)], "time", "at least"),
        ([read(1)], "end", "No automation acts on these events"),
        ([ReadEvent(Rejection("bad_json", ""), None, "x")], "cursor", "(no event: to topic reject"),
        ([], "cursor", "0 events"),
    ],
)
def test_a_person_reads_what_would_happen(
    frames: list[ReadEvent], end: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The positions, the number of events and how sure it is, and the automations."""
    print_preview(
        "default", HERE, {"cursor": "evt-0000", "start_from": None}, counted(*frames, end=end)
    )
    text = "".join(capsys.readouterr())

    assert said in text
    assert "after event evt-0009" in text
    assert "after event evt-0000" in text


def test_the_beginning_of_a_stream_is_a_position(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a cursor, the stream begins where its settings say."""
    print_preview("default", {"cursor": None, "start_from": None}, HERE, counted())

    assert "no cursor; begins at START_FROM" in capsys.readouterr().out
