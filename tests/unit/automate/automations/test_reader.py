"""The automations file: its automations, and the message about each mistake."""

from typing import Any

import pytest

from tests.support.automation_problems import BAD_LINES, problems, read
from tests.support.automations import GOOD, SHIPPED
from videovector_bridge.automate.actions import ACTIONS
from videovector_bridge.automate.automations.reader import read_automations
from videovector_bridge.automate.cel.event_values import EventValues
from videovector_bridge.errors import PermanentError


def event(event_type: str = "prompt_run.failed", **fields: Any) -> EventValues:
    """The values of an event for expressions."""
    return EventValues(
        {
            "event_id": "e1",
            "event_type": event_type,
            "run_id": "r1",
            "created_at": "2026-01-01T00:00:00Z",
            "channel": "stream",
            "payload": {"n": 5},
            **fields,
        }
    )


def test_a_good_file_is_read_whole() -> None:
    """Every field of the automation is read."""
    (automation,) = read(GOOD)

    assert (automation.name, automation.on) == ("red", ("prompt_run.failed", "processing.*failed"))
    assert (automation.action, automation.channel) == ("upsert_marker", "stream")
    assert automation.judge(event()).applies
    rendered = {"target_type": "run", "target_id": "r1", "color": "red"}
    assert rendered == automation.render(event())


@pytest.mark.parametrize("text", ["", "# nothing\n", "automation = []\n"])
def test_no_automations_are_none(text: str) -> None:
    """A file may have no automations."""
    assert read(text) == ()


@pytest.mark.parametrize(
    ("values", "applies"),
    [
        (event(), True),
        (event("processing.run_failed"), True),
        (event("processing.failed"), True),
        (event("prompt_run.completed"), False),
        (event("Prompt_run.failed"), False),
        (event(channel="webhook"), False),
        (event(payload={"n": 3}), False),
        (event(payload={}), False),
        (event(payload={"n": 3.5}), True),
    ],
)
def test_an_automation_applies_by_type_channel_and_condition(
    values: EventValues, *, applies: bool
) -> None:
    """All three must match. A condition on a missing field is false."""
    (automation,) = read(GOOD)

    assert applies is automation.judge(values).applies


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("event.payload.list[3] == 1", False),
        ("event.payload.gap", False),
        ("event.payload.gap > 3", False),
        ("event.payload.gap.startsWith('x')", False),
        ("event.video_id.startsWith('v')", False),
        ("event.video_id != null", False),
        ("event.video_id == null", True),
        ("!has(event.payload.gap)", True),
        ("true", True),
    ],
)
def test_a_condition_on_a_missing_value_is_false(when: str, *, holds: bool) -> None:
    """A condition on a missing item or a null is false."""
    (automation,) = read(GOOD.replace("event.payload.n > 3", when))

    values = event(video_id=None, payload={"list": [], "gap": None})
    assert holds is automation.judge(values).applies


@pytest.mark.parametrize("when", ["event.payload.n", "'yes'", "event.payload.n + 'x' == ''"])
def test_a_condition_that_gives_no_boolean_is_rejected(when: str) -> None:
    """A condition whose value is not true or false, or that fails, is a rejection."""
    (automation,) = read(GOOD.replace("event.payload.n > 3", when))

    with pytest.raises(PermanentError) as caught:
        automation.judge(event())

    assert (caught.value.owner, caught.value.code) == ("user", "expression_failed")


def test_a_body_is_rendered_to_its_depth() -> None:
    """A body may be any JSON, with expressions in every string."""
    (automation,) = read(
        """
        [[automation]]
        name = "body"
        on = ["*"]
        [automation.upsert_marker]
        target = "run {event.run_id}"
        [automation.upsert_marker.body]
        "weird key.{}" = "{event.payload.n}"
        flag = true
        count = 3
        ratio = 0.5
        list = ["{event.run_id}", ["{event.payload}"], 1]
        [automation.upsert_marker.body.inner.deep]
        id = "<{event.run_id}>"
        """
    )

    assert automation.render(event()) == {
        "target": "run r1",
        "body": {
            "weird key.{}": 5,
            "flag": True,
            "count": 3,
            "ratio": 0.5,
            "list": ["r1", [{"n": 5}], 1],
            "inner": {"deep": {"id": "<r1>"}},
        },
    }


@pytest.mark.parametrize(
    "written",
    [
        'upsert_marker = { target_type = "run", target_id = "{event.run_id}", color = "red" }',
        (
            'upsert_marker.target_type = "run"\nupsert_marker.target_id = "{event.run_id}"\n'
            '"upsert_marker".\'color\' = "red"'
        ),
        (
            '[ automation . "upsert_marker" ]\ntarget_type = "run"\n'
            'target_id = """{event.run_id}"""\ncolor = \'red\''
        ),
    ],
    ids=["inline table", "dotted keys", "spaced head"],
)
def test_every_way_of_toml_is_read(written: str) -> None:
    """How a table is written makes no difference."""
    (automation,) = read(f'[[automation]]\nname = "a"\non = ["*"]\n{written}\n')

    rendered = {"target_type": "run", "target_id": "r1", "color": "red"}
    assert rendered == automation.render(event())


@pytest.mark.parametrize(("line", "instead", "problem", "number"), BAD_LINES)
def test_a_mistake_is_named_by_line_and_field(
    line: str, instead: str, problem: str, number: int
) -> None:
    """Each kind of mistake names its file, line, automation and field."""
    reported = problems(GOOD.replace(line, instead))

    assert any(problem in one and one.startswith(f"a.toml:{number}: ") for one in reported), (
        reported
    )


@pytest.mark.parametrize(
    "on", ["", 'on = "prompt_run.failed"', "on = []", "on = [1]", 'on = [""]', "on = {}"]
)
def test_the_types_of_events_are_a_list_of_text(on: str) -> None:
    """For any other value the message has an example of a list."""
    reported = problems(GOOD.replace('on = ["prompt_run.failed", "processing.*failed"]', on))

    assert [one[one.index("on: must") :].partition(",")[0] for one in reported] == [
        "on: must list event types or globs"
    ]


def test_an_action_must_be_there_once_and_known() -> None:
    """No action, an unknown one and two of them have separate messages, with the known ones."""
    reported = problems(
        """
        [[automation]]
        name = "none"
        on = ["*"]

        [[automation]]
        name = "unknown"
        on = ["*"]
        [automation.set_marker]
        color = "red"

        [[automation]]
        name = "two"
        on = ["*"]
        upsert_marker = { body = { a = 1 }, target = "x" }
        issue_signed_url.gcs_uri = "gs://b/x"

        [[automation]]
        name = "no table"
        on = ["*"]
        issue_signed_url = "gs://b/x"

        [[automation]]
        name = "flag"
        on = ["*"]
        [automation.issue_signed_url]
        force_refresh = "yes"
        """
    )

    assert reported == [
        (
            "a.toml:2: automation 'none': automation: there must be exactly one action: "
            f"{', '.join(ACTIONS)}"
        ),
        (
            "a.toml:9: automation 'unknown': set_marker: is not known; known are name, on, "
            f"channel, when, {', '.join(ACTIONS)}; did you mean upsert_marker?"
        ),
        (
            "a.toml:6: automation 'unknown': automation: there must be exactly one action: "
            f"{', '.join(ACTIONS)}"
        ),
        (
            "a.toml:16: automation 'two': issue_signed_url: there must be exactly one action, not "
            "2 (upsert_marker, issue_signed_url): upsert_marker, delete_marker, "
            "issue_signed_url, store_preview, snapshot_media, search"
        ),
        (
            "a.toml:21: automation 'no table': issue_signed_url: must be a table, "
            "[automation.issue_signed_url]"
        ),
        "a.toml:26: automation 'flag': issue_signed_url: needs gcs_uri or segments = true",
        (
            "a.toml:27: automation 'flag': issue_signed_url.force_refresh: must be true or false "
            "without quotes, not 'yes'"
        ),
    ]


def test_names_must_differ() -> None:
    """The mistake is reported at the second use."""
    reported = problems(GOOD + GOOD)

    assert reported == [
        "a.toml:11: automation 'red': name: is used twice; each automation needs its own name"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[automation]\n", "a.toml:1: is not TOML: Expected ']]'"),
        ('\n[automation]\nname = "x"\n', "a.toml:2: automation: must be written [[automation]]"),
        ("automation = [1]\n", "a.toml:1: automation: must be written [[automation]]"),
        ("\n[[automations]]\n", "a.toml:2: automations: is not known; the file has only [[auto"),
        ("name = 'x'\n", "a.toml:1: name: is not known"),
        ("a = " + "[" * 5_000 + "]" * 5_000, "a.toml:1: is not TOML"),
        ("a = " + "1" * 5_000, "a.toml:1: is not TOML: Exceeds the limit"),
    ],
    ids=["syntax", "single brackets", "numbers", "plural", "stray key", "nesting", "digits"],
)
def test_a_file_of_another_form_is_reported_with_the_form(text: str, problem: str) -> None:
    """The message says how automations are written."""
    (reported,) = problems(text)

    assert reported.startswith(problem)


def test_lines_are_found_past_text_that_looks_like_keys() -> None:
    """Lines inside a long text, or of another automation, are not used."""
    reported = problems(
        """
        # color = 1
        [[automation]]
        name = "first"
        on = ["*"]
        [automation.upsert_marker]
        target_type = "run"
        target_id = "x"
        note = '''
        [[automation]]
        color = "in a text"
        '''
        color = 1

        [[automation]]
        name = "second"
        on = ["*"]
        [automation.upsert_marker]
        target_type = "run"
        target_id = "x"
        [automation.upsert_marker.body]
        color = "{"
        """
    )

    assert sorted(int(one.split(":")[1]) for one in reported) == [13, 21, 22]


def test_mistakes_in_an_inline_list_are_named_where_it_stands() -> None:
    """Automations written as one inline list have the line of that list."""
    (reported,) = problems('\nautomation = [{name = "a", on = ["*"], issue_signed_url = {}}]\n')

    assert reported.startswith(
        "a.toml:2: automation 'a': issue_signed_url: needs gcs_uri or segments"
    )


@pytest.mark.parametrize(
    ("event_type", "color"),
    [
        ("prompt_run.failed", "red"),
        ("processing.run_failed", "red"),
        ("prompt_run.partial_completed", "orange"),
        ("processing.run_completed_with_failures", "orange"),
        ("prompt_run.completed", None),
        ("processing.run_completed", None),
        ("prompt_run.progress", None),
        ("processing.segment_completed", None),
    ],
)
def test_the_shipped_file_colours_runs(event_type: str, color: str | None) -> None:
    """Failed runs are red, runs with failures orange; no other is marked."""
    automations = read_automations(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)

    rendered = [
        one.render(event(event_type))
        for one in automations
        if one.action == "upsert_marker" and one.judge(event(event_type)).applies
    ]

    assert [color] * (color is not None) == [one["color"] for one in rendered]
    assert all((one["target_type"], one["target_id"]) == ("run", "r1") for one in rendered)


def test_the_shipped_file_links_processed_videos() -> None:
    """A processed video with a URI gets a URL."""
    automations = read_automations(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)
    link = next(one for one in automations if one.action == "issue_signed_url")
    stored = {"gcs_uri": "gs://b/v.mp4"}

    completed = "processing.video_completed"
    assert link.judge(event(completed, payload=stored)).applies
    assert not link.judge(event(completed, payload={})).applies
    assert stored == link.render(event(completed, payload=stored))
