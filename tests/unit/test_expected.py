"""Which effects a run must have."""

from pathlib import Path

import pytest

from infra.local.cloud import Observed
from infra.local.expected import Wish, expected_effects, read_followed_automations
from infra.local.progress import Progress
from tests.unit.local_run import event
from videovector_bridge.automate.automations import Automation, read_automations
from videovector_bridge.errors import SettingsError

SHIPPED = read_followed_automations("")


def expected_of(
    *messages: Observed, automations: tuple[Automation, ...] = SHIPPED
) -> dict[str, Wish]:
    """What the messages must lead to."""
    progress = Progress()
    progress.note_events(list(messages))
    return expected_effects(progress.data.values(), automations)


def test_the_newest_event_decides() -> None:
    """A failed run that was tried again has no marker, in whatever order its events were seen."""
    failed = event("a", "processing.run_failed", 1, run_id="r")
    completed = event("b", "processing.run_completed", 2, run_id="r")

    for messages in ([failed, completed], [completed, failed]):
        wish = expected_of(*messages)["marker:run:r"]
        assert (wish.action, wish.event_id) == ("delete_marker", "b")


def test_red_before_something_else_is_remembered() -> None:
    """By the order of the events, not by what was seen first; what is red still is not meant."""
    failed = event("a", "processing.run_failed", 1, run_id="r")
    again = event("b", "processing.run_failed", 2, run_id="r")
    partly = event("c", "processing.run_completed_with_failures", 3, run_id="r")
    completed = event("d", "processing.run_completed", 4, run_id="r")

    for messages, red_before in (
        ([failed, completed], True),
        ([completed, failed], True),
        ([failed, partly, completed], True),
        ([partly, completed], False),
        ([failed, again], False),
    ):
        assert expected_of(*messages)["marker:run:r"].red_before is red_before


def test_time_is_compared_not_text() -> None:
    """Times in different zones and forms are told apart as moments."""
    first = event(
        "a", "processing.run_failed", 1, run_id="r", created_at="2026-01-01T02:00:00+02:00"
    )
    second = event(
        "b", "processing.run_completed", 2, run_id="r", created_at="2026-01-01T00:00:01Z"
    )

    assert expected_of(second, first)["marker:run:r"].event_id == "b"


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

    wish = expected_of(event("a", run_id="r"), automations=automations)["marker:run:r"]

    assert wish.desired["marker"]["color"] == "red"


def test_every_action_is_expected_of_a_processed_video() -> None:
    """Each on a target of its own; what the bridge itself publishes leads to more."""
    found = expected_of(
        event(
            "a",
            "processing.video_completed",
            video_id="v",
            payload={"gcs_uri": "gs://bucket/o", "failed_segments": 1},
        ),
        event("b", "prompt_run.completed", run_id="r", channel="webhook", data={"run_id": "r"}),
        event("c", "media.preview_stored", channel="bridge", payload={"uri": "gs://bucket/v.gif"}),
    )

    actions = [wish.action for wish in found.values()]
    assert {target.partition(":")[0] for target in found} == {
        *("signed_url", "preview", "media", "marker", "search")
    }
    assert (actions.count("issue_signed_url"), actions.count("search")) == (3, 2)


def test_what_cannot_be_rendered_is_not_expected() -> None:
    """An event that an automation must reject leads to no effect."""
    assert expected_of(event("a", "processing.run_failed")) == {}


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
