"""Evaluate a filter in Pub/Sub's language on the attributes of a message. Pure.

The emulator ignores filters, and the embedded backend has none: the local stack and the commands
evaluate them.
https://cloud.google.com/pubsub/docs/subscription-message-filter
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

MAX_FILTER_BYTES: Final = 256
"""Pub/Sub's limit, which also bounds how deep a filter is nested."""

Passes = Callable[[Mapping[str, str]], bool]
"""Whether a message with these attributes passes."""

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<word>[A-Za-z0-9_](?:[A-Za-z0-9_-]*))
    | (?P<sign>!=|[=:.,()-])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(
    r"\\(?:u(?P<four>[0-9a-fA-F]{4})|U(?P<eight>[0-9a-fA-F]{8})|[xX](?P<two>[0-9a-fA-F]{2})"
    r"|(?P<octal>[0-3][0-7]{2})|(?P<one>.))",
    re.DOTALL,
)
_ESCAPED: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip
_RULE: Final = (
    'a filter compares attributes (attributes:"KEY", attributes."KEY" = "VALUE", !=, '
    'hasPrefix(attributes."KEY", "PREFIX")) and joins them with AND, OR, NOT and parentheses'
)


def parse_filter(text: str) -> Passes:
    """Return a filter as a function; an empty one passes every message.

    Raises `ValueError` with a sentence for what is not in the language.
    """
    if len(text.encode()) > MAX_FILTER_BYTES:
        raise ValueError(f"a filter has at most {MAX_FILTER_BYTES} bytes")
    if not text.strip():
        return lambda _attributes: True
    return _Parser(text).parse()


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"{text[at:].strip()[:40]!r} is not understood: {_RULE}")
        kind = match.lastgroup or ""
        yield _Token(kind, match[kind], match.start(kind))
        at = match.end()
    yield _Token("end", "", end)


class _Parser:
    """Recursive descent. A method takes the tokens of what it is named after."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))

    def parse(self) -> Passes:
        passes = self._expression()
        if self._tokens[0].kind != "end":
            raise self._problem()
        return passes

    def _expression(self) -> Passes:
        terms = [self._term()]
        operator = self._tokens[0].text
        if operator not in ("AND", "OR"):
            return terms[0]
        while self._skip(operator):
            terms.append(self._term())
        if self._tokens[0].text in ("AND", "OR"):
            # Pub/Sub defines no precedence between them.
            raise ValueError("AND and OR are mixed: put parentheses around one of them")
        join = all if operator == "AND" else any
        return lambda attributes: join(term(attributes) for term in terms)

    def _term(self) -> Passes:
        if self._skip("NOT") or self._skip("-"):
            negated = self._term()
            return lambda attributes: not negated(attributes)
        if self._skip("("):
            inner = self._expression()
            self._expect(")")
            return inner
        if self._skip("hasPrefix"):
            return self._has_prefix()
        self._expect("attributes")
        if self._skip(":"):
            present = self._key()
            return lambda attributes: present in attributes
        self._expect(".")
        key = self._key()
        if self._skip("="):
            value = self._string()
            return lambda attributes: attributes.get(key) == value
        self._expect("!=")
        other = self._string()
        # The page does not say whether a message without the key passes. Here it does, as
        # it is not equal.
        return lambda attributes: attributes.get(key) != other

    def _has_prefix(self) -> Passes:
        self._expect("(")
        self._expect("attributes")
        self._expect(".")
        key = self._key()
        self._expect(",")
        prefix = self._string()
        self._expect(")")
        return lambda attributes: attributes.get(key, "").startswith(prefix) and key in attributes

    def _key(self) -> str:
        if self._tokens[0].kind == "word":
            return self._tokens.pop(0).text
        return self._string()

    def _string(self) -> str:
        if self._tokens[0].kind != "text":
            raise self._problem("a text in double quotes")
        return _unescape(self._tokens.pop(0).text[1:-1])

    def _skip(self, text: str) -> bool:
        token = self._tokens[0]
        if token.kind not in ("word", "sign") or token.text != text:
            return False
        self._tokens.pop(0)
        return True

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            raise self._problem(text)

    def _problem(self, expected: str = "") -> ValueError:
        token = self._tokens[0]
        where = "at its end" if token.kind == "end" else f"at {self._text[token.at :][:40]!r}"
        need = f", which needs {expected}" if expected else ""
        return ValueError(f"the filter is not understood {where}{need}: {_RULE}")


def _unescape(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        if match["one"] is not None:
            if match["one"] not in _ESCAPED:
                raise ValueError(f"the escape sequence {match[0]} does not exist")
            return _ESCAPED[match["one"]]
        code = match["four"] or match["eight"] or match["two"]
        try:
            return chr(int(code, 16) if code else int(match["octal"], 8))
        except (ValueError, OverflowError):
            raise ValueError(f"the escape sequence {match[0]} is no character") from None

    return _ESCAPE.sub(replace, text)
