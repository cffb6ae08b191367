"""`watch.status.deployed`: automations, functions, and the deployed source."""

from typing import Any

import pytest

from tests.support.status_facts import facts
from videovector_bridge.watch.status.deployed import describe_automations, describe_deployment
from videovector_bridge.watch.status.facts import AutomationFacts, SourceFacts, Unread
from videovector_bridge.watch.status.line import Line

FILE = "functions/automations.toml"


def automations(**changes: Any) -> Line:
    """Return the line about automations."""
    (line,) = describe_automations(facts(**changes))
    return line


def test_automations_are_counted_by_action() -> None:
    """A glance shows what the bridge does."""
    counted = AutomationFacts(FILE, {"upsert_marker": 2, "search": 1}, 0, 0)
    line = automations(automations=counted)

    assert (line.state, line.text) == ("ok", "3 automations: search 1, upsert_marker 2")


@pytest.mark.parametrize(
    ("checked", "state", "text"),
    [
        (AutomationFacts(FILE, {}, 2, 1, "it is wrong"), "mistakes", "2 mistakes: it is wrong"),
        (AutomationFacts(FILE, {}, 0, 1, "it is odd"), "doubts", "1 warning: it is odd"),
        (Unread("'x' cannot be read"), "unreadable", "'x' cannot be read"),
        (None, "no_file", "no source tree here"),
    ],
)
def test_a_file_with_mistakes_or_none(checked: Any, state: str, text: str) -> None:
    """The first mistake is quoted."""
    line = automations(automations=checked)

    assert line.state == state
    assert text in line.text


def test_a_function_that_no_automation_uses_is_noted() -> None:
    """It costs nothing, but a person may wonder why nothing happens."""
    unused = AutomationFacts(FILE, {"search": 1}, 0, 0)
    lines = {line.name: line for line in describe_deployment(facts(automations=unused))}

    assert lines["upsert-markers"].state == "unused"
    assert lines["drain"].state == "ok"
    assert lines["drain"].text == "https://drain-abc.a.run.app"


@pytest.mark.parametrize(
    ("source", "is_local", "state"),
    [
        (SourceFacts("1.2.3", "a" * 64), False, "ok"),
        (SourceFacts("1.2.4", "b" * 64), False, "other_source"),
        (SourceFacts("1.2.4", "b" * 64), True, "ok"),
        (None, False, "ok"),
    ],
)
def test_the_deployed_source_is_compared_with_the_tree(
    source: SourceFacts | None,
    is_local: bool,  # noqa: FBT001
    state: str,
) -> None:
    """If there is a tree, and the local stack does not run from it."""
    line = next(describe_deployment(facts(source=source, is_local=is_local)))

    assert line.state == state
    assert line.text.startswith("version 1.2.3, source aaaaaaaaaaaa")
