"""The check of an automations file reports more than the mistakes that stop a subscriber."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.automations import GOOD, SHIPPED
from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.automate.cel.expressions import find_event_fields
from videovector_bridge.automate.check.check import CheckResult, check_automations
from videovector_bridge.automate.received import parse_event
from videovector_bridge.automate.vocabulary import EVENT_FIELDS

LINK = (
    GOOD.partition("[automation.u")[0] + '[automation.issue_signed_url]\ngcs_uri = "gs://media/o"'
)


def check(text: str, **environ: str) -> CheckResult:
    """Check a file called `a.toml`."""
    return check_automations(text, "a.toml", environ)


def only(text: str) -> str:
    """The only mistake of a file."""
    (mistake,) = check(text).mistakes
    return str(mistake)


def test_the_shipped_file_is_in_order() -> None:
    """It has no mistakes, and no warnings if its settings are set."""
    text = Path(SHIPPED).read_text(encoding="utf-8")
    result = check(text, SIGNED_URL_BUCKETS="media", PREVIEW_BUCKET="previews")

    assert result.automations == len(re.findall(r"^\[\[automation", text, re.MULTILINE)) > 0
    assert (result.mistakes, result.warnings) == ((), ())


@pytest.mark.parametrize("channel", ["stream", "webhook"])
def test_fields_of_events_are_those_that_are_received(channel: str) -> None:
    """Events of each channel have exactly the known fields."""
    raw = b'{"created_at": "2026-01-01", "data": {}}' if channel == "webhook" else b"{}"
    received = parse_event(
        raw,
        event_id="e",
        event_type="com.vectormethods.x",
        source="//x",
        channel=channel,
        stated_time="2026-01-01",
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )

    assert set(received.fields) == set(EVENT_FIELDS)


@pytest.mark.parametrize(
    ("line", "instead", "fix"),
    [
        ('channel = "stream"', 'chanel = "stream"', "chanel: * did you mean channel?"),
        ('channel = "stream"', 'channel = "streams"', "channel: * did you mean stream?"),
        ('color = "red"', 'colour = "red"', "upsert_marker.colour: * did you mean color?"),
        ('target_type = "run"', 'target_type = "runs"', "target_type: * did you mean run?"),
        ('when = "event.payload.n > 3"', 'when = "payload.n > 3"', "did you mean event.payload?"),
        ('when = "event.payload.n > 3"', 'when = "sizes(event) > 1"', "did you mean size?"),
        ("{event.run_id}", "{run_id}", "target_id: * did you mean event.run_id?"),
        ("{event.run_id}", "{event.runid}", "uses event.runid, * did you mean event.run_id?"),
        ("{event.run_id}", "{event.gcs_uri}", "* did you mean event.payload.gcs_uri?"),
        ("{event.run_id}", "{event['runid']}", "uses event.runid, * mean event.run_id?"),
        ("event.payload.n > 3", "has(event.vido_id)", "when: uses event.vido_id, * video_id?"),
    ],
)
def test_what_was_meant_is_asked(line: str, instead: str, fix: str) -> None:
    """For keys, choices, and names in expressions."""
    start, _, end = fix.rpartition("*")
    message = only(GOOD.replace(line, instead))

    assert start.strip() in message
    assert message.endswith(end.strip())


def test_a_file_that_is_not_toml_has_a_line() -> None:
    """The line is the one where the parser stopped."""
    assert only(GOOD + "\ncolor = \n").startswith("a.toml:11: is not TOML: ")
    assert only("a = [").startswith("a.toml:1: is not TOML: ")


def test_unknown_fields_are_found_at_every_depth() -> None:
    """In a body too, each with the line of its key. A subscriber accepts the file."""
    body = 'body.deep = { list = ["{event.x}", { y = "{event.y}" }] }\nbody.top = "{event.z}"\n'
    text = GOOD.partition("target_type")[0] + body
    mistakes = check(text).mistakes

    assert [(each.line, each.field.removeprefix("upsert_marker.body.")) for each in mistakes] == [
        (7, "deep.list"),
        (7, "deep.list.y"),
        (8, "top"),
    ]
    assert len(read_automations(text, "a.toml")) == 1


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("event.run_id", ("run_id",)),
        ("event . run_id == event['a'] || event[\"b\"]", ("run_id", "a", "b")),
        ("event.payload.event.x", ("payload",)),
        ("event.payload.rows.exists(event, event.x == 1) && event.y", ("payload", "y")),
        ("'event.x' + r'event.y' // event.z", ()),
        ("size(event) > 1 && event == event", ()),
        ("event.all(k, k != event.x)", ("x",)),
        ("event[event.run_id]", ("run_id",)),
        ("event['a' + 'b']", ()),
        ("event", ()),
    ],
)
def test_what_an_expression_asks_of_an_event(source: str, fields: tuple[str, ...]) -> None:
    """Only its own fields: no inner fields, and none of a macro's variable `event`."""
    assert find_event_fields(source) == fields


def test_undocumented_types_are_a_warning() -> None:
    """The event type may be new. A similar known type is named."""
    (warning,) = check(GOOD.replace("prompt_run.failed", "prompt_run.fail")).warnings

    assert str(warning) == (
        "a.toml:3: warning: automation 'red': on: 'prompt_run.fail' matches no "
        "documented event, nor processing.*; did you mean prompt_run.failed?"
    )


def test_a_setting_that_is_missing_is_a_warning() -> None:
    """Once, at the first action that needs it."""
    again = LINK.replace('"red"', '"two"')
    (warning,) = check(f"{LINK}\n{again}").warnings

    assert str(warning).startswith(
        "a.toml:6: warning: automation 'red': issue_signed_url: SIGNED_URL_BUCKETS is not set"
    )
    assert check(LINK, SIGNED_URL_BUCKETS="media").warnings == ()
    assert check(GOOD).warnings == ()


def test_a_setting_that_names_no_bucket_is_a_mistake() -> None:
    """With a correction, at the first action that needs it."""
    (mistake,) = check(LINK, SIGNED_URL_BUCKETS="gs://media/videos,other").mistakes

    assert str(mistake) == (
        "a.toml:6: automation 'red': issue_signed_url: SIGNED_URL_BUCKETS must be the name of a "
        "bucket, without gs:// or a path: write media, not 'gs://media/videos'"
    )
    assert check(GOOD, SIGNED_URL_BUCKETS="gs://media/videos").mistakes == ()


def test_mistakes_are_in_the_order_of_the_file() -> None:
    """Mistakes of all kinds are sorted by line."""
    text = GOOD.replace("{event.run_id}", "{event.x}").replace('"red"\n[', '"red"\nx = 1\n[')
    lines = [each.line for each in check(text + "tint = 1\n[[automation]]").mistakes]

    assert lines == sorted(lines)
    assert len(lines) == 5
