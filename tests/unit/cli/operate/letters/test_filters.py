"""`letters.filters`: Pub/Sub's filter language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.topology import read_topology
from tests.support.pubsub_filter import lets_through
from videovector_bridge.cli.operate.letters.filters import parse_filter
from videovector_bridge.events import TYPE_PREFIX

FILTERS = [each.filter for each in read_topology().subscriptions]
TYPES = st.sampled_from(
    [
        *("processing.run_failed", "processing.run_completed", "prompt_run.failed", "media.x"),
        *("media.processing.started", "processing.video_completed", "processing", ""),
    ]
)


@given(st.sampled_from(FILTERS), TYPES, st.sampled_from(["stream", "webhook", "bridge"]))
def test_the_deployed_filters_pass_what_pubsub_passes(
    text: str, event_type: str, channel: str
) -> None:
    """As an independent evaluation of them says."""
    attributes = {"ce-type": TYPE_PREFIX + event_type, "ce-channel": channel}

    assert parse_filter(text)(attributes) == lets_through(text, attributes)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ("attributes:a", True),
        ('attributes:"c d"', True),
        ("attributes:x", False),
        ("NOT attributes:x", True),
        ("-attributes:x", True),
        ('attributes.a = "1"', True),
        ('attributes.a="2"', False),
        ('attributes.a != "2"', True),
        ('attributes.a != "1"', False),
        ('hasPrefix(attributes.b, "va")', True),
        ('hasPrefix( attributes."b" , "lue" )', False),
        ('hasPrefix(attributes.x, "")', False),
        (r'attributes."c d" = "say \"hi\""', True),
        ('attributes:a AND attributes.b = "value"', True),
        ("attributes:a AND attributes:b AND attributes:x", False),
        ("attributes:x OR attributes:y OR attributes:a", True),
        ("NOT (attributes:a AND attributes:b)", False),
        ("(attributes:x OR attributes:a) AND NOT attributes:y", True),
        ("NOT NOT attributes:a", True),
    ],
)
def test_a_filter_is_evaluated(text: str, passes: bool) -> None:  # noqa: FBT001
    """Every operator of the language."""
    attributes = {"a": "1", "b": "value", "c d": 'say "hi"'}

    assert parse_filter(text)(attributes) is passes


@pytest.mark.parametrize(
    "text",
    [
        "attributes",
        "attributes:a attributes:b",
        "attributes:a AND",
        "attributes:a AND attributes:b OR attributes:c",
        "(attributes:a",
        "attributes:a)",
        "OR attributes:a",
        "data = 1",
        "NOT",
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    """Pub/Sub does not accept it either: AND and OR need parentheses between them."""
    with pytest.raises(ValueError, match="filter"):
        parse_filter(text)
