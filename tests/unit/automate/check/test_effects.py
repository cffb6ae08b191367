"""Checks of outcomes: automations that are always overruled, or the same on every event."""

import pytest

from tests.support.automation_problems import HEAD
from videovector_bridge.automate.check.check import CheckResult, check_automations

MARKER = "[automation.upsert_marker]\ntarget_type = 'run'\ntarget_id = '{event.run_id}'\n"
UNMARK = MARKER.replace("upsert", "delete")


def automation(name: str, action: str, on: str = '"prompt_run.*"', more: str = "") -> str:
    """An automation of a file."""
    return f'[[automation]]\nname = "{name}"\non = [{on}]\n{more}\n{action}\n'


def check(*automations: str) -> CheckResult:
    """Check a file of automations, with all settings."""
    settings = {"SIGNED_URL_BUCKETS": "media", "PREVIEW_BUCKET": "previews"}
    return check_automations("".join(automations), "a.toml", settings)


def overruled(first: str, later: str) -> bool:
    """Whether the only message is that the later of two automations is overruled."""
    checked = check(first, later)
    assert checked.mistakes == ()
    messages = [(each.automation, each.what.partition(":")[0]) for each in checked.warnings]
    assert messages in ([], [("later", "is overruled on all of its events")])
    return bool(messages)


def test_an_automation_that_is_always_overruled_is_a_warning() -> None:
    """The warning names the earlier automation and the correction."""
    checked = check(automation("all", MARKER), automation("failed", MARKER, '"prompt_run.failed"'))

    assert [str(each) for each in checked.warnings] == [
        (
            "a.toml:13: warning: automation 'failed': upsert_marker: is overruled on all of its "
            "events: 'all' (line 1) has the same target, and the first automation in the file wins"
            "; remove it, or put it before 'all' and give it a condition"
        )
    ]


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ({}, {}),
        ({}, {"more": 'channel = "stream"'}),
        ({}, {"more": 'when = "event.payload.n > 3"'}),
        ({"more": 'when = "event.payload.n > 3"'}, {"more": 'when = "event.payload.n > 3"'}),
        ({"more": 'channel = "stream"'}, {"more": 'channel = "stream"'}),
        ({"on": '"media.*", "*"'}, {"on": '"prompt_run.*", "processing.*failed"'}),
        ({"action": UNMARK}, {}),
        ({"action": MARKER + "color = 'red'\n"}, {"action": MARKER + "color = 'blue'\n"}),
        ({"action": MARKER}, {"action": MARKER.replace("{event.run_id}", "{ event.run_id }")}),
        (
            {"action": MARKER},
            {
                "action": "[automation.upsert_marker]\n"
                "body = { target_type = 'run', target_id = '{event.run_id}', color = 'red' }\n"
            },
        ),
        (
            {"action": "[automation.snapshot_media]\nvideo_id = '{event.video_id}'"},
            {"action": "[automation.snapshot_media]\nvideo_id = '{event.video_id}'"},
        ),
        (
            {"action": "[automation.store_preview]\nvideo_id = '{event.video_id}'"},
            {"action": "[automation.store_preview]\nvideo_id = '{event.video_id}'\nname = ''"},
        ),
    ],
)
def test_the_same_target_on_the_same_events_is_overruled(
    first: dict[str, str], later: dict[str, str]
) -> None:
    """For every form of the target, and for both actions."""
    assert overruled(
        automation("first", **{"action": MARKER, **first}),
        automation("later", **{"action": MARKER, **later}),
    )


SEARCH = "[automation.search]\nquery = 'a car'"
LINK = "[automation.issue_signed_url]\ngcs_uri = '{event.payload.gcs_uri}'"


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ({"on": '"prompt_run.failed"'}, {}),
        ({"more": 'when = "event.payload.n > 3"'}, {}),
        ({"more": 'when = "event.payload.n > 3"'}, {"more": 'when = "event.payload.n > 4"'}),
        ({"more": 'channel = "stream"'}, {}),
        ({"more": 'channel = "stream"'}, {"more": 'channel = "webhook"'}),
        ({"on": '"*"'}, {"on": '"search.matched"', "more": 'channel = "bridge"'}),
        ({"action": MARKER.replace("{event.run_id}", "r1")}, {}),
        ({"action": MARKER.replace("'run'", "'prompt'")}, {}),
        ({"action": SEARCH}, {"action": SEARCH}),
        ({"action": LINK}, {"action": LINK}),
    ],
)
def test_another_target_or_other_events_are_not_overruled(
    first: dict[str, str], later: dict[str, str]
) -> None:
    """Each event has a separate URL and search for each automation."""
    assert not overruled(
        automation("first", **{"action": MARKER, **first}),
        automation("later", **{"action": MARKER, **later}),
    )


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        (
            "[automation.issue_signed_url]\ngcs_uri = 'http://media/o'",
            "'http://media/o' is not the",
        ),
        (
            "[automation.issue_signed_url]\ngcs_uri = 'gs://media'",
            "'gs://media' is not the URI",
        ),
        (
            "[automation.store_preview]\nvideo_id = 'v'\nname = '/x'",
            "'/x' is not a valid file name",
        ),
        ("[automation.upsert_marker.body]\ncolor = 'red'", "The marker has no target"),
        ("[automation.search]\nquery = '{'' + '''}'", "query is ''"),
    ],
)
def test_fields_rejected_on_every_event_are_a_mistake(fields: str, what: str) -> None:
    """The outcome is known if it does not depend on the event."""
    action = fields.partition("]")[0].removeprefix("[automation.").partition(".")[0]
    (mistake,) = check(automation("a", fields.replace("'{'' + '''}'", "\"{'' + ''}\""))).mistakes

    assert mistake.field == action
    assert mistake.what.startswith(f"every event would be rejected: {what}")


REJECTED = "every event would be rejected: "


@pytest.mark.parametrize(
    ("when", "mistakes", "warnings"),
    [
        ("true", [], []),
        ("1 < 2", [], []),
        ("false", [], ["is false for every event"]),
        ("size('') > 0", [], ["is false for every event"]),
        ("1", [f"{REJECTED}The condition of 'a' is '1', not true or false"], []),
        (
            "1 / 0 == 1",
            [f"{REJECTED}The expression '1 / 0 == 1' fails on this event: division"],
            [],
        ),
        ("event.payload.n", [], []),
    ],
)
def test_a_condition_without_the_event_is_tried(
    when: str, mistakes: list[str], warnings: list[str]
) -> None:
    """An automation whose condition is always false does nothing; an invalid one is rejected."""
    checked = check(automation("a", MARKER, more=f'when = "{when}"'))

    assert [each.what.partition(" by zero")[0] for each in checked.mistakes] == mistakes
    assert [each.what for each in checked.warnings] == warnings
    assert all("event.payload.n > 3" in each.fix for each in (*checked.mistakes, *checked.warnings))


CONDITION = "{ field = 'f', operator = 'equals', type = 'string', value = 'x' }"
STRING = "equals, contains, starts_with, ends_with, is_empty, is_not_empty"


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (
            {"'equals'": "'equal'"},
            (
                f"item 1: operator 'equal' is not known for type string; known are {STRING}; did "
                f"you mean equals?"
            ),
        ),
        (
            {"'string'": "'text'"},
            "item 1: type 'text' is not known; known are string, integer, number, boolean, array",
        ),
        (
            {"'equals'": "'is_empty'"},
            "item 1: operator is_empty takes no value; leave value out",
        ),
        (
            {", value = 'x'": ""},
            "item 1: operator equals needs a value; write value = ...",
        ),
        (
            {"'x'": "5"},
            "item 1: operator equals for type string needs text, not 5",
        ),
        (
            {"'string'": "'integer'", "'x'": "1.5"},
            "item 1: operator equals for type integer needs a whole number, not 1.5",
        ),
        (
            {"'string'": "'number'", "'x'": "true"},
            "item 1: operator equals for type number needs a number, not true",
        ),
        (
            {"'string'": "'boolean'"},
            "item 1: operator equals for type boolean needs true or false, not 'x'",
        ),
        (
            {"'string'": "'array'", "'equals'": "'length_less'", "'x'": "-1"},
            "item 1: operator length_less for type array needs a whole number from 0, not -1",
        ),
        (
            {"'string'": "'array'", "'equals'": "'item_equals'", "'x'": "['a']"},
            (
                "item 1: operator item_equals for type array needs text, a number or a flag, not"
                " a list"
            ),
        ),
    ],
)
def test_a_condition_that_the_sdk_refuses_is_a_warning(
    change: dict[str, str], warning: str
) -> None:
    """VideoVector may add operators, so the search is tried all the same."""
    condition = CONDITION
    for old, new in change.items():
        condition = condition.replace(old, new)
    checked = check(automation("a", f"[automation.search]\nconditions = [{condition}]"))

    assert checked.mistakes == ()
    start = "a.toml:6: warning: automation 'a': search.conditions: "
    assert [str(each) for each in checked.warnings] == [start + warning]


@pytest.mark.parametrize(
    "condition",
    [
        CONDITION,
        CONDITION.replace("'x'", "'{event.payload.n}'"),
        CONDITION.replace("'equals'", "'{event.payload.operator}'"),
        CONDITION.replace("'string'", "'{event.payload.type}'"),
        CONDITION.replace("'equals'", "'is_empty'").replace(", value = 'x'", ""),
        CONDITION.replace("'string'", "'number'").replace("'x'", "-0.5"),
        CONDITION.replace("'string'", "'boolean'").replace("'x'", "false"),
        CONDITION.replace("'string', value", "'array', value").replace("equals", "item_contains"),
    ],
)
def test_a_condition_that_the_sdk_takes_is_no_warning(condition: str) -> None:
    """The value of an expression is unknown before run time."""
    checked = check(automation("a", f"[automation.search]\nconditions = [{condition}]"))

    assert (checked.mistakes, checked.warnings) == ((), ())


def test_a_file_with_mistakes_is_checked_as_far_as_it_can_be() -> None:
    """Valid automations are compared even if others have mistakes."""
    bad = f"{HEAD}[automation.snapshot_media]\nvideo = 'v'\n"
    checked = check(bad, automation("first", MARKER), automation("later", MARKER))

    assert [each.automation for each in checked.mistakes] == ["a", "a"]
    assert [each.automation for each in checked.warnings] == ["later"]
