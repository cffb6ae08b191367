"""`backends.pubsub_filter`: Pub/Sub's filter language, by the page of Google's documentation.

https://cloud.google.com/pubsub/docs/subscription-message-filter
"""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.topology import read_topology
from tests.support.pubsub_filter import lets_through
from videovector_bridge.backends.pubsub_filter import MAX_FILTER_BYTES, parse_filter

COM = {"domain": "com"}
NET = {"domain": "net", "iana.org/language_tag": "en"}


@pytest.mark.parametrize(
    ("text", "passed", "stopped"),
    [
        ("attributes:domain", COM, {}),
        ('attributes:"iana.org/language_tag"', NET, COM),
        ('attributes.domain = "com"', COM, NET),
        ('attributes.domain != "com"', NET, COM),
        ('hasPrefix(attributes.domain, "co")', COM, NET),
        ('attributes.domain = "com" AND attributes:domain', COM, NET),
        ('attributes.domain = "com" OR attributes.domain = "net"', NET, {"domain": "org"}),
        ("NOT attributes:domain", {}, COM),
        ('-attributes.domain = "com"', NET, COM),
        (
            'NOT attributes:"x/y" AND (attributes.domain = "net" OR attributes.domain = "org")',
            NET,
            COM,
        ),
        ('NOT (attributes.domain = "com" OR attributes.domain = "net")', {}, NET),
        ("NOT NOT attributes:domain", COM, {}),
        ("attributes:ce-type", {"ce-type": "x"}, COM),
        (' attributes . domain="com" ', COM, NET),
        (r'attributes.domain = "\u0063\x6f\155"', COM, NET),
        ("attributes:a AND attributes:b AND attributes:c", {"a": "", "b": "", "c": ""}, {"a": ""}),
        ("attributes:a OR attributes:b OR attributes:domain", COM, {}),
        ('hasPrefix(attributes.domain, "")', COM, {}),
        (r'attributes.domain = "a\"b\\c"', {"domain": 'a"b\\c'}, COM),
    ],
)
def test_a_filter_passes_what_the_page_says(
    text: str, passed: dict[str, str], stopped: dict[str, str]
) -> None:
    """Each operator, quoted keys, parentheses and escape sequences."""
    passes = parse_filter(text)

    assert passes(passed)
    assert not passes(stopped)


def test_keys_values_and_operators_are_case_sensitive() -> None:
    """As the page says."""
    assert not parse_filter('attributes.domain = "COM"')(COM)
    assert not parse_filter("attributes:Domain")(COM)
    with pytest.raises(ValueError, match="not understood at 'and"):
        parse_filter("attributes:a and attributes:b")


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_filter_passes_everything(text: str) -> None:
    """A subscription without a filter."""
    assert parse_filter(text)({})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("attributes:a AND attributes:b OR attributes:c", "put parentheses"),
        ("attributes:a AND (attributes:b", "at its end, which needs \\)"),
        ("attributes:a attributes:b", "at 'attributes:b'"),
        ("attributes.a = b", "which needs a text in double quotes"),
        ("attributes.a = 'b'", "\"'b'\" is not understood"),
        ('attributes.a > "b"', "'> \"b\"' is not understood"),
        ('hasSuffix(attributes.a, "b")', "which needs attributes"),
        ('data = "b"', "which needs attributes"),
        ('"attributes":a', "which needs attributes"),
        ("attributes.a", "at its end, which needs !="),
        ("attributes:a)", "at '\\)'"),
        ("OR attributes:a", "which needs attributes"),
        ("attributes:a AND", "at its end, which needs attributes"),
        (r'attributes.a = "\q"', r"escape sequence \\q does not exist"),
        (r'attributes.a = "\UFFFFFFFF"', "is no character"),
        ('attributes.a = "' + "b" * MAX_FILTER_BYTES + '"', "at most 256 bytes"),
    ],
)
def test_what_is_not_in_the_language_is_refused(text: str, problem: str) -> None:
    """With a sentence that says where."""
    with pytest.raises(ValueError, match=problem):
        parse_filter(text)


@given(
    event_type=st.sampled_from(["media.created", "prompt_run.failed", "search.matched", "x"]),
    channel=st.sampled_from(["stream", "webhook", "bridge"]),
)
def test_the_filters_of_the_topology_agree_with_the_other_evaluator(
    event_type: str, channel: str
) -> None:
    """`tests.support.pubsub_filter` evaluates the same subset in another way."""
    attributes = {"ce-type": f"com.vectormethods.{event_type}", "ce-channel": channel}
    for each in read_topology().subscriptions:
        assert parse_filter(each.filter)(attributes) == lets_through(each.filter, attributes)


@given(text=st.text() | st.text(alphabet='attributes:.="()- ANDORNOT\\'))
def test_any_text_is_a_filter_or_is_refused(text: str) -> None:
    """No other error."""
    with suppress(ValueError):
        parse_filter(text)({})


@given(key=st.text(min_size=1, max_size=20), value=st.text(max_size=20))
def test_any_key_and_value_can_be_quoted(key: str, value: str) -> None:
    """JSON's escapes are a subset of the language's, apart from surrogate pairs."""
    quoted = [json.dumps(each, ensure_ascii=False) for each in (key, value)]
    text = f"attributes.{quoted[0]} = {quoted[1]}"
    if len(text.encode("utf-8", "replace")) <= MAX_FILTER_BYTES:
        assert parse_filter(text)({key: value})
