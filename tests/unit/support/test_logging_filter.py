"""The evaluator of Cloud Logging's filters: what it selects, and what it refuses to judge."""

import pytest

from tests.support.logging_filter import extract, matches

ENTRY = {
    "resource": {"type": "cloud_run_revision", "labels": {"service_name": "drain"}},
    "jsonPayload": {"@type": "made.up", "event": "drain.crashed", "lag": 5.5, "none": None},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('resource.type="cloud_run_revision"', True),
        ('resource.type="CLOUD_RUN_REVISION"', True),
        ('resource.type="cloud_run"', False),
        ('resource.labels.service_name=~"^(drain|other)$"', True),
        ('resource.labels.service_name=~"^rain$"', False),
        ('jsonPayload.event=~"[.]crashed$"', True),
        ('jsonPayload.event=~"[.]CRASHED$"', False),
        ('jsonPayload."@type"="made.up"', True),
        ("jsonPayload.lag>=5.5", True),
        ("jsonPayload.lag>=6", False),
        ("jsonPayload.none>=0", False),
        ("jsonPayload.missing>=0", False),
        ('jsonPayload.event.missing="x"', False),
        ('textPayload=~".*"', False),
        ('resource.type="cloud_run_revision" AND jsonPayload.lag>=6', False),
        ('resource.type="cloud_run_revision" AND jsonPayload.lag>=5', True),
        ('jsonPayload.lag>=5 AND (resource.type="x" OR jsonPayload.event=~"crashed")', True),
        ('jsonPayload.lag>=5 AND (resource.type="x" OR textPayload=~".")', False),
        ('(jsonPayload.lag>=5 OR resource.type="x") AND jsonPayload.lag>=6', False),
    ],
)
def test_a_filter_selects_as_documented(text: str, *, expected: bool) -> None:
    """Texts are equal in any case, patterns are not; a missing field never matches."""
    assert matches(text, ENTRY) == expected


@pytest.mark.parametrize(
    "text",
    [
        'resource.type="a" OR resource.type="b"',
        'NOT resource.type="a"',
        'resource.type!="a"',
        r'jsonPayload.event=~"\.crashed$"',
        "jsonPayload.event:*",
        'jsonPayload.event>="a"',
        "resource.type=5",
        'resource.type="a" AND ',
        '(resource.type="a" OR resource.type="b"',
        '(resource.type="a" AND resource.type="b")',
        "",
    ],
)
def test_any_other_filter_is_refused(text: str) -> None:
    """It would otherwise be judged by a part of it."""
    with pytest.raises(ValueError, match="not "):
        matches(text, ENTRY)


def test_labels_are_extracted_as_texts() -> None:
    """Whole or in part; empty if the entry has no such field or part."""
    assert extract("EXTRACT(jsonPayload.lag)", ENTRY) == "5.5"
    assert extract("EXTRACT(jsonPayload.none)", ENTRY) == ""
    assert extract('REGEXP_EXTRACT(jsonPayload.event, "^drain[.](.+)$")', ENTRY) == "crashed"
    assert extract('REGEXP_EXTRACT(jsonPayload.event, "^other[.](.+)$")', ENTRY) == ""


@pytest.mark.parametrize(
    "extractor", ["jsonPayload.lag", 'REGEXP_EXTRACT(jsonPayload.event, "no group")']
)
def test_any_other_extractor_is_refused(extractor: str) -> None:
    """Cloud Logging refuses it too."""
    with pytest.raises(ValueError, match="not "):
        extract(extractor, ENTRY)
