"""`watch.status.assessment`: order, commands and JSON."""

from dataclasses import replace
from typing import Any

import pytest
import typer

from tests.support.status_facts import WEBHOOK, facts, stream_document
from videovector_bridge.cli.app import app
from videovector_bridge.watch.status.assessment import as_json, assess, find_command
from videovector_bridge.watch.status.facts import BacklogFacts, LetterFacts
from videovector_bridge.watch.status.line import Line
from videovector_bridge.watch.status.states import SEVERITIES, STATES


def test_a_healthy_deployment_has_no_problem() -> None:
    """Every line is ok, and each source has one."""
    lines = assess(facts())

    assert {line.severity for line in lines} == {"ok"}
    assert {line.subject for line in lines} == {
        "stream",
        "webhook",
        "rejected",
        "dead-letters",
        "subscription",
        "check",
        "automations",
        "deployment",
        "function",
    }


def test_the_worst_comes_first() -> None:
    """Problems, warnings, notes, and what is well."""
    lines = assess(
        facts(
            streams=(stream_document(), stream_document("old")),
            webhooks=(replace(WEBHOOK, failed=1),),
            dead_letters=LetterFacts({"search": 1}, complete=True),
        )
    )

    severities = [line.severity for line in lines]
    assert severities[:3] == ["problem", "warning", "note"]
    assert severities == sorted(severities, key=SEVERITIES.index)


def test_the_command_names_the_deployment() -> None:
    """It can be copied."""
    some = facts(backlogs={"upsert-markers": BacklogFacts(1, 9_999.0)})
    line = assess(some)[0]

    assert as_json(line, some) == {
        "severity": "problem",
        "subject": "subscription",
        "name": "upsert-markers",
        "state": "waiting",
        "text": "1 message unacknowledged, the oldest 3 h",
        "section": "Messages wait for a function",
        "command": "videovector-bridge doctor --project p --prefix blue-",
        "facts": {"messages": 1, "oldest_seconds": 9_999.0, "function": "upsert-markers"},
    }


def test_the_local_stack_has_commands_of_its_own() -> None:
    """There is no Cloud Scheduler."""
    some = facts(streams=(), is_local=True, target="--local")

    assert find_command(assess(some)[0], some) == "make serve"
    assert find_command(assess(some)[0], replace(some, is_local=False)) == (
        "gcloud scheduler jobs describe blue-drain-default --location=europe-west1 --project=p"
    )


@pytest.mark.parametrize("state", [name for name, each in STATES.items() if each.command])
def test_every_command_exists(state: str) -> None:
    """A command of ours that was renamed would send a person astray at night."""
    line = Line("stream", "default", state, "")
    words = find_command(line, facts()).split()

    if words[0] == "videovector-bridge":
        commands: Any = typer.main.get_command(app)
        assert commands.get_command(typer.Context(commands), words[1]) is not None
    else:
        assert words[0] in ("gcloud", "make")


@pytest.mark.parametrize(
    "state", [name for name, each in STATES.items() if each.severity in ("problem", "warning")]
)
def test_whatever_needs_a_person_says_where_to_read(state: str) -> None:
    """And mostly which command helps."""
    assert STATES[state].section
    assert STATES[state].command
