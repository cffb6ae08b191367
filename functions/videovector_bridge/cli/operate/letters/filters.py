"""Evaluate a subscription's filter on the attributes of a message, as Pub/Sub does. Pure.

https://cloud.google.com/pubsub/docs/subscription-message-filter
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

Passes = Callable[[Mapping[str, str]], bool]

_KEY: Final = r'(?:"(?P<{0}>(?:[^"\\]|\\.)*)"|(?P<{0}_word>\w[\w-]*))'
_VALUE: Final = r'"(?P<value>(?:[^"\\]|\\.)*)"'
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<word>(?:AND|OR|NOT)\b|-|\(|\))"
    rf"|attributes\s*\.\s*{_KEY.format('left')}\s*(?P<sign>!?=)\s*{_VALUE}"
    rf"|attributes\s*:\s*{_KEY.format('has')}"
    rf"|hasPrefix\s*\(\s*attributes\s*\.\s*{_KEY.format('prefixed')}\s*,"
    r'\s*"(?P<prefix>(?:[^"\\]|\\.)*)"\s*\))'
)


def parse_filter(text: str) -> Passes:
    """Return the filter as a function. Raises `ValueError` if it is not Pub/Sub's language."""
    parser = _Parser(text)
    if not text.strip():
        return lambda _attributes: True
    passes = parser.expression()
    if parser.next is not None:
        raise ValueError(f"the filter is not understood at {text[parser.at :][:40]!r}")
    return passes


class _Parser:
    """Recursive descent: an expression is terms joined by AND, or by OR; NOT binds tighter."""

    def __init__(self, text: str) -> None:
        self._text = text.rstrip()
        self.at = 0
        self.next: re.Match[str] | None = None
        self._advance(0)

    def _advance(self, end: int) -> None:
        self.at = end
        self.next = _TOKEN.match(self._text, end) if end < len(self._text) else None
        if self.next is None and end < len(self._text):
            raise ValueError(f"the filter is not understood at {self._text[end:][:40]!r}")

    def _take(self) -> re.Match[str]:
        token = self.next
        if token is None:
            raise ValueError("the filter ends too early")
        self._advance(token.end())
        return token

    def _is(self, word: str) -> bool:
        return self.next is not None and self.next["word"] == word

    def expression(self) -> Passes:
        """Parse terms joined by one operator."""
        terms = [self._term()]
        operator = self.next["word"] if self.next is not None else None
        if operator not in ("AND", "OR"):
            return terms[0]
        while self._is(operator):
            self._take()
            terms.append(self._term())
        join = all if operator == "AND" else any
        return lambda attributes: join(term(attributes) for term in terms)

    def _term(self) -> Passes:
        if self._is("NOT") or self._is("-"):
            self._take()
            negated = self._term()
            return lambda attributes: not negated(attributes)
        if self._is("("):
            self._take()
            inner = self.expression()
            if not self._is(")"):
                raise ValueError("a parenthesis of the filter is not closed")
            self._take()
            return inner
        token = self._take()
        if token["word"]:
            raise ValueError(f"the filter has {token['word']} in the wrong place")
        return _comparison(token)


def _comparison(token: re.Match[str]) -> Passes:
    name = next(
        _unescape(token[group])
        for group in ("left", "left_word", "has", "has_word", "prefixed", "prefixed_word")
        if token[group] is not None
    )
    if token["prefix"] is not None:
        prefix = _unescape(token["prefix"])
        return lambda attributes: name in attributes and attributes[name].startswith(prefix)
    if token["value"] is None:
        return lambda attributes: name in attributes
    value, equal = _unescape(token["value"]), token["sign"] == "="
    # A message without the attribute is not equal either.
    return lambda attributes: (attributes.get(name) == value) == equal


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
