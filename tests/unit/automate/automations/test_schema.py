"""The JSON Schema of automations files: kept up to date, and right about good and bad files."""

import json
import tomllib

import pytest
from jsonschema import Draft7Validator

from tests.support import ROOT
from tests.support.automation_problems import BAD_LINES
from tests.support.automations import GOOD
from videovector_bridge.automate.automations.schema import build_schema, render_schema

FUNCTIONS = ROOT / "functions"
SHIPPED = (FUNCTIONS / "automations.toml").read_text(encoding="utf-8")
SCHEMA = build_schema()
VALIDATOR = Draft7Validator(SCHEMA)
START = GOOD.partition("[automation.u")[0]
CONDITION = '{ field = "f", operator = "equals", type = "string", value = 5 }'
BAD_ACTIONS = [
    "issue_signed_url = { segments = false }",
    'issue_signed_url = { gcs_uri = "" }',
    "upsert_marker = { body = {} }",
    'delete_marker = { match = {}, target = "x" }',
    'search = { conditions = ["abc"] }',
    f"search = {{ conditions = [{CONDITION.replace('type', 'typ')}] }}",
    f"search = {{ conditions = [{CONDITION.replace('equals', ' ')}] }}",
    f"search = {{ conditions = [{CONDITION}], run_ids = [5] }}",
    'search = { query = "q", top_k = "30" }',
]


def test_the_schema_that_is_kept_is_the_one_of_the_code() -> None:
    """If not: `videovector-bridge automations schema > functions/automations.schema.json`."""
    kept = (FUNCTIONS / "automations.schema.json").read_text(encoding="utf-8")

    assert kept == render_schema()
    assert json.loads(kept) == SCHEMA


def test_the_schema_is_one() -> None:
    """By the draft that it names."""
    Draft7Validator.check_schema(SCHEMA)


def test_the_shipped_file_names_its_schema() -> None:
    """Editors read the first line. Its path is relative to the file."""
    directive, _, name = SHIPPED.partition("\n")[0].partition(" ")

    assert directive == "#:schema"
    assert (FUNCTIONS / name).is_file()


@pytest.mark.parametrize(
    "text",
    [
        SHIPPED,
        GOOD,
        "",
        "automation = []",
        GOOD.replace('channel = "stream"\n', "").replace('when = "event.payload.n > 3"\n', ""),
        GOOD.replace('target_type = "run"', 'target_type = "{event.payload.kind}"'),
        GOOD.partition("target_type")[0] + "body = { a = [1, { b = true }] }\ntarget = 'x'",
        START + 'issue_signed_url = { gcs_uri = "gs://b/o" }',
        START + "issue_signed_url = { segments = true }",
        START + 'search = { query = "q", top_k = "{event.payload.n}" }',
        START + f"search = {{ conditions = [{CONDITION}] }}",
    ],
)
def test_good_files_are_valid(text: str) -> None:
    """The shipped one, and every form of an action."""
    assert VALIDATOR.is_valid(tomllib.loads(text))


# What is wrong with these only CEL, or the whole of a file, can tell.
_BEYOND = ("is not CEL", "names ", "calls ", "has a {", "is not a JSON value")


@pytest.mark.parametrize(
    ("line", "instead", "problem"), [(line, new, what) for line, new, what, _ in BAD_LINES]
)
def test_bad_files_are_not_valid(line: str, instead: str, problem: str) -> None:
    """The schema refuses every mistake of form too."""
    valid = VALIDATOR.is_valid(tomllib.loads(GOOD.replace(line, instead)))

    beside_others = instead.startswith("body")
    assert valid is (any(word in problem for word in _BEYOND) and not beside_others)


@pytest.mark.parametrize(
    "text",
    [
        "[automation]",
        "[[automations]]",
        "automation = [1]",
        START,
        GOOD + 'issue_signed_url = { gcs_uri = "gs://b/o" }\n[automation.issue_signed_url]',
        GOOD + '[automation.issue_signed_url]\ngcs_uri = "gs://b/o"',
        START + "issue_signed_url = {}",
        GOOD.replace('"prompt_run.failed"', '""'),
        GOOD.replace('"prompt_run.failed"', '"(a|b)"'),
        GOOD.replace('"prompt_run.failed"', '"^prompt_run"'),
        *(f"{START}{action}" for action in BAD_ACTIONS),
    ],
)
def test_files_of_another_form_are_not_valid(text: str) -> None:
    """No list of automations, no action or two of them, a field or a type that is missing."""
    assert not VALIDATOR.is_valid(tomllib.loads(text))
