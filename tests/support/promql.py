"""The part of PromQL that our alerts use, over series in memory.

It follows https://prometheus.io/docs/prometheus/latest/querying/basics/: a range does not include
its first instant (as from Prometheus 3 on), `unless` binds tighter than `or`, and comparisons
tighter than both. Raises `ValueError` for any other syntax.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

Labels = frozenset[tuple[str, str]]
Vector = Mapping[Labels, float]

# A gauge without a point for so long has no value.
_LOOKBACK_SECONDS: Final = 300.0
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<text>"[^"\\]*")|(?P<number>[0-9.]+[smh]?)|(?P<word>[a-zA-Z_][\w:]*)|(?P<mark>=~|[=(){}\[\],>-]))'
)


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a metric: points as (seconds, value), in order."""

    metric: str
    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


def evaluate(query: str, series: Sequence[Series], now: float) -> Vector:
    """Return the value of a query at a time, in seconds."""
    parser = _Parser(_tokens(query), series, now)
    vector = parser.disjunction()
    parser.end()
    return vector


def _tokens(query: str) -> list[str]:
    tokens, position = [], 0
    query = query.rstrip()
    while position < len(query):
        token = _TOKEN.match(query, position)
        if token is None:
            raise ValueError(f"no token: {query[position:]!r}")
        tokens.append(token[0].strip())
        position = token.end()
    return tokens


class _Parser:
    """Evaluates while it parses."""

    def __init__(self, tokens: Sequence[str], series: Sequence[Series], now: float) -> None:
        self._tokens = [*tokens, ""]
        self._series = series
        self._now = now
        self._at = 0

    def end(self) -> None:
        """Raise `ValueError` if a part of the query is left."""
        self._take("")

    def disjunction(self) -> Vector:
        """A `or` B: all of A, and of B what A has no value for."""
        vector = self._conjunction()
        while self._skip("or"):
            vector = {**self._conjunction(), **vector}
        return vector

    def _conjunction(self) -> Vector:
        """A `unless` B: what B has no value for."""
        vector = self._comparison()
        while self._skip("unless"):
            excluded = self._comparison()
            vector = {labels: value for labels, value in vector.items() if labels not in excluded}
        return vector

    def _comparison(self) -> Vector:
        vector = self._difference()
        if not self._skip(">"):
            return vector
        if self._tokens[self._at] != "(":
            limit = float(self._next())
            return {labels: value for labels, value in vector.items() if value > limit}
        limits = self._operand()
        return {
            labels: value
            for labels, value in vector.items()
            if labels in limits and value > limits[labels]
        }

    def _difference(self) -> Vector:
        vector = self._operand()
        while self._skip("-"):
            other = self._operand()
            vector = {
                labels: vector[labels] - other[labels] for labels in vector if labels in other
            }
        return vector

    def _operand(self) -> Vector:
        word = self._next()
        match word:
            case "(":
                vector = self.disjunction()
                self._take(")")
                return vector
            case "sum" | "max":
                return self._aggregate(sum if word == "sum" else max)
            case "sum_over_time":
                return self._sum_over_time()
            case "vector":
                self._take("(")
                value = float(self._next())
                self._take(")")
                return {frozenset(): value}
            case "label_replace":
                return self._label_replace()
        return self._last_values(word)

    def _aggregate(self, combine: Callable[[list[float]], float]) -> Vector:
        by: list[str] = []
        if self._skip("by"):
            self._take("(")
            by = self._list(")")
        self._take("(")
        vector = self.disjunction()
        self._take(")")
        groups: dict[Labels, list[float]] = {}
        for labels, value in vector.items():
            group = frozenset((name, text) for name, text in labels if name in by)
            groups.setdefault(group, []).append(value)
        return {labels: combine(values) for labels, values in groups.items()}

    def _label_replace(self) -> Vector:
        """`label_replace(VECTOR, "label", "value", "", "")`: the vector with one more label."""
        self._take("(")
        vector = self.disjunction()
        texts = []
        while self._skip(","):
            texts.append(self._next().strip('"'))
        self._take(")")
        label, value, source, pattern = texts
        if source or pattern:
            raise ValueError(f"not a constant label: {texts!r}")
        return {
            frozenset({**dict(labels), label: value}.items()): number
            for labels, number in vector.items()
        }

    def _sum_over_time(self) -> Vector:
        self._take("(")
        chosen = self._select(self._next())
        self._take("[")
        length = self._next()
        self._take("]")
        self._take(")")
        start = self._now - float(length[:-1]) * _UNITS[length[-1]]
        return self._values(chosen, start, sum)

    def _last_values(self, metric: str) -> Vector:
        start = self._now - _LOOKBACK_SECONDS
        return self._values(self._select(metric), start, lambda values: values[-1])

    def _values(
        self, chosen: Sequence[Series], start: float, combine: Callable[[list[float]], float]
    ) -> Vector:
        vector = {}
        for each in chosen:
            values = [value for time, value in each.points if start < time <= self._now]
            if values:
                vector[frozenset(each.labels.items())] = combine(values)
        return vector

    def _select(self, metric: str) -> list[Series]:
        """Return the series of `metric{name="text",name=~"pattern"}`."""
        self._take("{")
        chosen = [each for each in self._series if each.metric == metric]
        while not self._skip("}"):
            name, operator, text = self._next(), self._next(), self._next().strip('"')
            if operator not in ("=", "=~"):
                raise ValueError(f"no operator: {operator!r}")
            pattern = re.compile(text if operator == "=~" else re.escape(text))
            chosen = [each for each in chosen if pattern.fullmatch(each.labels.get(name, ""))]
            self._skip(",")
        return chosen

    def _list(self, end: str) -> list[str]:
        names = []
        while not self._skip(end):
            names.append(self._next())
            self._skip(",")
        return names

    def _next(self) -> str:
        token = self._tokens[self._at]
        if not token:
            raise ValueError("the query ends too early")
        self._at += 1
        return token

    def _skip(self, token: str) -> bool:
        if self._tokens[self._at] != token:
            return False
        self._at += 1
        return True

    def _take(self, token: str) -> None:
        if not self._skip(token):
            raise ValueError(f"{self._tokens[self._at]!r} instead of {token!r}")
