"""Which effects a run must have, and whether they are there."""

from pathlib import Path

import pytest

from infra.local.cloud import Observed
from infra.local.expected import (
    Expected,
    expected_effects,
    markers_right,
    read_followed_automations,
)
from infra.local.observer import effects_found
from infra.local.progress import Progress
from tests.unit.local_run import at, event
from videovector_bridge.automate.automations import Automation, read_automations
from videovector_bridge.errors import SettingsError

SHIPPED = read_followed_automations("")
GREEN = {"target_type": "run", "target_id": "r", "color": "green", "note": "n"}


def expected_of(*messages: Observed, automations: tuple[Automation, ...] = SHIPPED) -> Expected:
    """What the messages must lead to."""
    progress = Progress()
    progress.note_events(list(messages))
    return expected_effects(progress.data.values(), automations)


def test_the_newest_event_decides() -> None:
    """A failed run that was tried again is green, in whatever order its events were seen."""
    failed = event("a", "processing.run_failed", 1, run_id="r")
    completed = event("b", "processing.run_completed", 2, run_id="r")

    for messages in ([failed, completed], [completed, failed]):
        expected = expected_of(*messages)
        assert expected.markers["marker:run:r"]["color"] == "green"
        assert expected.marker_events == {"marker:run:r": "b"}


def test_time_is_compared_not_text() -> None:
    """Times in different zones and forms are told apart as moments."""
    first = event(
        "a", "processing.run_failed", 1, run_id="r", created_at="2026-01-01T02:00:00+02:00"
    )
    second = event(
        "b", "processing.run_completed", 2, run_id="r", created_at="2026-01-01T00:00:01Z"
    )

    assert expected_of(second, first).markers["marker:run:r"]["color"] == "green"


def test_the_first_of_two_automations_wins() -> None:
    """Where two automations write one target on one event, the first in the file does."""
    one = """
    [[automation]]
    name = "{name}"
    on = ["processing.run_failed"]
    [automation.upsert_marker]
    target_type = "run"
    target_id = "{{event.run_id}}"
    color = "{name}"
    """
    text = one.format(name="red") + one.format(name="blue")
    automations = read_automations(text, "two.toml")

    expected = expected_of(event("a", run_id="r"), automations=automations)

    assert expected.markers["marker:run:r"]["color"] == "red"


def test_each_processed_video_has_a_url() -> None:
    """An event with an address leads to one URL; one without leads to none."""
    expected = expected_of(
        event("a", "processing.video_completed", payload={"gcs_uri": "gs://b/o"}),
        event("b", "processing.video_completed", payload={}),
    )

    assert list(expected.urls.values()) == ["a"]


def test_what_cannot_be_rendered_is_not_expected() -> None:
    """An event that an automation must reject leads to no effect."""
    assert expected_of(event("a", "processing.run_failed")).markers == {}


def test_a_marker_is_right_only_with_its_colour_and_note() -> None:
    """A marker of another colour or note, or on another target, is not the one."""
    expected = Expected({"marker:run:r": GREEN}, {"marker:run:r": "b"}, {})

    assert markers_right(expected, [GREEN | {"updated_at": "t"}]) == {"marker:run:r": "t"}
    for change in ({"color": "red"}, {"note": ""}, {"target_id": "other"}, {"field_path": "f"}):
        assert markers_right(expected, [GREEN | change]) == {}


def test_missing_effects_are_named_with_their_event() -> None:
    """What is missing says which target, and after which event."""
    progress = Progress()
    progress.note_events([event("a"), event("b")])
    expected = Expected({"marker:run:r": GREEN}, {"marker:run:r": "b"}, {"key": "a"})

    found = effects_found(expected, progress, [])

    assert found.missing == ("marker:run:r after event b", "a signed URL after event a")
    assert (found.markers, found.markers_wanted, found.urls, found.urls_wanted) == (0, 1, 0, 1)


def test_effects_take_from_the_first_message_on() -> None:
    """The time of an effect counts from when its event was first on the topic."""
    progress = Progress()
    progress.note_events([event("a", seconds=1), event("b", seconds=2), event("b", seconds=9)])
    progress.note_urls([Observed({"ce-id": "key"}, b"", at(1.5))])
    expected = Expected({"marker:run:r": GREEN}, {"marker:run:r": "b"}, {"key": "a"})

    found = effects_found(expected, progress, [GREEN | {"updated_at": at(2.25).isoformat()}])

    assert sorted(found.milliseconds) == [250, 500]
    assert found.missing == ()


def test_markers_that_cannot_be_read_are_not_asked_for() -> None:
    """Where the key may not read markers, their absence says nothing."""
    expected = Expected({"marker:run:r": GREEN}, {"marker:run:r": "b"}, {})

    assert effects_found(expected, Progress(), None).missing == ()


@pytest.mark.parametrize("content", [None, "[[automation]]\nname = 1", b"\xff"])
def test_mistakes_in_the_automations_name_the_file(
    tmp_path: Path, content: str | bytes | None
) -> None:
    """A file that is not there, or not in order, is a wrong setting."""
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    with pytest.raises(SettingsError, match=r"mine\.toml"):
        read_followed_automations(str(file))
