"""The evaluator of PromQL agrees with Prometheus on what the alerts use."""

import pytest

from tests.support.promql import Series, evaluate

SERIES = [
    Series("hits", {"stream": "a", "code": "1"}, [(60, 1), (120, 1), (600, 5)]),
    Series("hits", {"stream": "a", "code": "2"}, [(60, 10)]),
    Series("hits", {"stream": "b", "code": "1"}, [(90, 2)]),
    Series("age", {"id": "x"}, [(60, 7), (120, 8)]),
    Series("other", {"stream": "b"}, [(90, 1)]),
]


def values(query: str, now: float = 120) -> dict[str, float]:
    """Return the values of a query by the text of their labels."""
    vector = evaluate(query, SERIES, now)
    return {",".join(sorted(text for _, text in labels)): value for labels, value in vector.items()}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sum by (stream) (sum_over_time(hits{}[2m]))", {"a": 12, "b": 2}),
        ("sum(sum_over_time(hits{}[2m]))", {"": 14}),
        # A range does not include its first instant.
        ("sum by (stream) (sum_over_time(hits{}[60s]))", {"a": 1, "b": 2}),
        ('sum by (stream) (sum_over_time(hits{code="1"}[1h]))', {"a": 2, "b": 2}),
        ('sum by (stream) (sum_over_time(hits{stream=~"a|c",code=~"1|2"}[1h]))', {"a": 12}),
        # A pattern must match the whole value.
        ('sum by (stream) (sum_over_time(hits{code=~"[12]x?"}[1h]))', {"a": 12, "b": 2}),
        ('sum by (stream) (sum_over_time(hits{stream=~""}[1h]))', {}),
        ("sum by (stream) (sum_over_time(hits{}[2m])) > 2", {"a": 12}),
        ("sum by (stream) (other{} > 0) unless sum by (stream) (other{}) > 1", {"b": 1}),
        ("sum by (stream) (hits{}) > 0 unless sum by (stream) (other{}) > 0", {"a": 11}),
        ("sum(sum_over_time(none{}[2m])) > 0 or vector(3)", {"": 3}),
        # `unless` binds tighter than `or`.
        ("vector(1) or vector(2) unless vector(3)", {"": 1}),
        ("(vector(1) or vector(2)) unless vector(3)", {}),
        (
            "sum(sum_over_time(hits{}[2m])) - (sum(sum_over_time(none{}[2m])) or vector(4))",
            {"": 10},
        ),
        ("max by (id) (age{}) > 5", {"x": 8}),
        # Each series is compared with the one that has its labels.
        ('max by (id) (age{}) > (label_replace(vector(7), "id", "x", "", ""))', {"x": 8}),
        ('max by (id) (age{}) > (label_replace(vector(8), "id", "x", "", ""))', {}),
        ('max by (id) (age{}) > (label_replace(vector(7), "id", "y", "", ""))', {}),
        (
            (
                '(label_replace(vector(1), "stream", "a", "", "") or '
                'label_replace(vector(1), "stream", "b", "", "")) '
                "unless sum by (stream) (other{}) > 0"
            ),
            {"a": 1},
        ),
    ],
)
def test_a_query_has_the_value_that_prometheus_gives(
    query: str, expected: dict[str, float]
) -> None:
    """Checked with promtool, but for the first instant, which it included before Prometheus 3."""
    assert values(query) == expected


def test_a_gauge_without_points_for_five_minutes_has_no_value() -> None:
    """As an instant vector in Prometheus."""
    assert values("max(age{})", now=419) == {"": 8}
    assert values("max(age{})", now=420) == {}


@pytest.mark.parametrize(
    "query",
    [
        "avg(age{})",
        "sum(rate(hits{}[2m]))",
        "sum(age{}) < 5",
        "sum without (id) (age{})",
        "sum(age{}) > 5 and sum(age{}) > 6",
        'sum(age{id!="x"})',
        "sum(age{)",
        "age{}[5m]",
        "sum(age{}) offset 5m",
    ],
)
def test_any_other_query_is_refused(query: str) -> None:
    """It would otherwise be judged by a part of it."""
    with pytest.raises(ValueError, match=r"."):
        evaluate(query, SERIES, 120)
