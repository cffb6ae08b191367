"""The fields of actions in an automations file: their valid values, and the reported mistakes."""

import pytest

from tests.support.automation_problems import HEAD, problems, read
from videovector_bridge.automate.check.check import check_automations


def reported_by(action: str, fields: str) -> list[str]:
    """Return the mistakes in these fields of an action, each with its line and automation."""
    start = "automation 'a': "
    return [one.partition(start)[2] for one in problems(f"{HEAD}[automation.{action}]\n{fields}\n")]


FORM = "{ field = ..., operator = ..., type = ... }"
GOOD = '{ field = "f", operator = "equals", type = "string", value = "x" }'


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ('"abc"', f"item 2: must be a table, {FORM}, not 'abc'"),
        ('"{event.payload.condition}"', f"item 2: must be a table, {FORM}, not '{{event.payload"),
        ("5", f"item 2: must be a table, {FORM}, not 5"),
        ("[]", f"item 2: must be a table, {FORM}, not a list"),
        ('{ field = "f", type = "string" }', "item 2: operator is missing: the comparison"),
        (GOOD.replace('"f"', "5"), "item 2: field must be text in quotes, not 5"),
        (GOOD.replace('"f"', '" "'), "item 2: field must not be empty: the extracted field"),
        (GOOD.replace("type", "typ"), "item 2: typ is not known; known are field, operator, type"),
        (GOOD.replace('"x"', "2026-01-01"), "item 2: value 2026-01-01 is not a JSON value; write"),
        (GOOD.replace('"x"', '"{n}"'), "item 2: value names n, which is not known"),
        (GOOD.replace('"x"', '{ a = ["{"] }'), "item 2: value.a has a { without its }"),
    ],
)
def test_a_condition_is_a_table_of_known_keys(item: str, problem: str) -> None:
    """Each mistake names its item."""
    reported = reported_by("search", f"conditions = [{GOOD}, {item}]")

    assert any(one.startswith(f"search.conditions: {problem}") for one in reported), reported


def test_the_word_that_was_meant_is_asked_for_in_an_item() -> None:
    """As with the fields of an action."""
    reported = reported_by("search", f"conditions = [{GOOD.replace('operator', 'operater')}]")

    assert reported[-1].endswith("did you mean operator?")


def test_conditions_may_be_tables_of_their_own() -> None:
    """The mistakes are reported at the first of them."""
    (reported,) = problems(
        f"""
        {HEAD.replace(chr(10), chr(10) + "        ")}
        [automation.search]
        [[automation.search.conditions]]
        field = "f"
        operator = "is_empty"
        type = "string"
        [[automation.search.conditions]]
        field = "f"
        type = "string"
        """
    )

    assert reported.startswith(
        "a.toml:7: automation 'a': search.conditions: item 2: operator is miss"
    )


@pytest.mark.parametrize("value", ["5", "'s'", "true", "1.5", "['{event.run_id}']", "{ a = 1 }"])
def test_the_value_of_a_condition_is_any_json(value: str) -> None:
    """A value may have expressions, as every text."""
    text = (
        f"{HEAD}[automation.search]\nconditions = [{GOOD.replace(chr(34) + 'x' + chr(34), value)}]"
    )

    assert len(read(text)) == 1


@pytest.mark.parametrize("name", ["run_ids", "index_ids"])
def test_ids_of_a_search_are_texts(name: str) -> None:
    """None of them may be empty."""
    conditions = f"conditions = [{GOOD}]"

    assert reported_by("search", f'{conditions}\n{name} = ["{{event.run_id}}", 5, ""]') == [
        f"search.{name}: item 2: must be text in quotes, not 5",
        (
            f"search.{name}: item 3: must not be empty: the id of a"
            f"{' run' if name == 'run_ids' else 'n index'}"
        ),
    ]
    assert reported_by("search", f'{conditions}\n{name} = "r1"') == [
        f"search.{name}: must be a list, [...], not 'r1'"
    ]


def test_a_list_has_no_more_items_than_it_may() -> None:
    """The items beyond the limit are not checked."""
    assert reported_by("search", f"conditions = [{', '.join([GOOD] * 4)}, 5]") == [
        "search.conditions: must be a list of 1 to 4 items, not 5"
    ]


@pytest.mark.parametrize(
    ("action", "fields", "problem"),
    [
        ("upsert_marker", "body = {}", "upsert_marker.body: must not be empty: the whole body"),
        (
            "delete_marker",
            'match = {}\ntarget = "x"',
            "delete_marker.match: must not be empty: the marker's fields",
        ),
        (
            "delete_marker",
            'marker_id = "m"\ntarget = ""',
            "delete_marker.target: must not be empty: the name",
        ),
        (
            "issue_signed_url",
            'gcs_uri = ""',
            "issue_signed_url.gcs_uri: must not be empty: the URI",
        ),
        ("snapshot_media", 'video_id = " "', "snapshot_media.video_id: must not be empty: the id"),
        (
            "store_preview",
            'segment_id = ""',
            "store_preview.segment_id: must not be empty: instead",
        ),
        ("search", 'query = "\\t"', "search.query: must not be empty: the text to search for"),
    ],
)
def test_what_a_target_or_a_request_needs_is_not_empty(
    action: str, fields: str, problem: str
) -> None:
    """Every event would be rejected."""
    (reported,) = reported_by(action, fields)

    assert reported.startswith(problem)


def test_other_texts_may_be_empty() -> None:
    """A marker without a note is a marker."""
    assert read(
        f'{HEAD}[automation.upsert_marker]\ntarget_type = "run"\ntarget_id = "r"\nnote = ""'
    )


def test_segments_must_be_true() -> None:
    """`segments = false` has no effect."""
    needs = "issue_signed_url: needs gcs_uri or segments = true"

    assert reported_by("issue_signed_url", "segments = false") == [needs]
    assert reported_by("issue_signed_url", 'segments = false\nsigner = "storage"') == [needs]
    assert read(f"{HEAD}[automation.issue_signed_url]\nsegments = true")


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("'30'", "must be a whole number without quotes, or one {...} alone, not '30'"),
        ("'{event.payload.n} '", "must be a whole number without quotes, or one {...} alone, not"),
        ("30.0", "must be a whole number, not 30.0"),
        ("true", "must be a whole number, not true"),
        ("101", "must be 1 to 100, not 101"),
        (f"0x{'f' * 5_000}", "must be 1 to 100, not a number of 6,021 digits"),
    ],
)
def test_a_number_is_a_number(value: str, what: str) -> None:
    """It may be one expression, but not a text that contains one."""
    (reported,) = reported_by("search", f'query = "q"\ntop_k = {value}')

    assert reported.startswith(f"search.top_k: {what}")


def test_a_number_may_be_an_expression() -> None:
    """Alone in its text."""
    assert read(f'{HEAD}[automation.search]\nquery = "q"\ntop_k = "{{event.payload.n}}"')


@pytest.mark.parametrize("deep", ["{k}" + ".k" * 5_000 + " = 1", "{k}.k = " + "[" * 40 + "]" * 40])
def test_what_is_nested_too_deep_is_a_mistake(deep: str) -> None:
    """In every form of TOML. Dotted keys may be nested without limit."""
    (reported,) = reported_by("upsert_marker", deep.format(k="body"))

    assert reported.endswith(": is nested more than 16 levels deep")
    assert len(reported) < 200


def test_a_message_is_one_short_line() -> None:
    """For any keys and values of the file."""
    key = '"' + "x" * 5_000 + '"'
    text = "\\n\\u0000" + "y" * 5_000
    body = f'body = {{ {key} = "{{", "a\\nb" = nan }}\ntarget = {{ c = "{text}" }}\n{key} = 1\n'
    reported = reported_by("upsert_marker", body) + reported_by(
        "search", f'query = ["{text}"]\ntop_k = "{text}"'
    )

    assert len(reported) == 6
    assert all(one.isprintable() and len(one) < 300 for one in reported), reported


@pytest.mark.parametrize("form", ["channel = [1]", "channel = nan", "channel = 2026-01-01"])
def test_any_value_may_be_named_in_a_message(form: str) -> None:
    """Also one that JSON does not have."""
    text = f"{HEAD}{form}\n[automation.snapshot_media]\nvideo_id = 'v'\n"
    (mistake,) = check_automations(text, "a.toml", {}).mistakes

    assert mistake.what.startswith("must be one of stream, webhook, bridge, reconciled, not ")
