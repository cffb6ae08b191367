"""Parse the source of a CEL expression: its names, macros, and fields of the event. Pure.

The library reports the names in an expression, but not the fields, nor the variables of macros.
https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
MAX_DEPTH: Final = 50
"""Maximum nesting of brackets and of chained calls, because the parser is recursive."""
MAX_NESTED_MACROS: Final = 5
"""Each level doubles the work of the estimate."""

_MAX_PATH: Final = 32
_OPEN: Final = {"(": ")", "[": "]", "{": "}"}
_CLOSE: Final = frozenset(_OPEN.values())
_QUOTED: Final = re.compile(r"""[rR]?(?P<quote>["'])(?P<text>[^\\"']*)(?P=quote)""")
# A string, a comment or white space; a name; any other character.
TOKEN: Final = re.compile(
    r"""
    (?P<skipped>
      \s+ | //[^\n]*
      | [bB]?[rR](?:\"{3}[\s\S]*?\"{3} | '{3}[\s\S]*?'{3} | "[^"\r\n]*" | '[^'\r\n]*')
      | [bB]?(?:
          \"{3}(?:\\[\s\S]|[^\\])*?\"{3} | '{3}(?:\\[\s\S]|[^\\])*?'{3}
          | "(?:\\.|[^"\\\r\n])*" | '(?:\\.|[^'\\\r\n])*'
        )
    )
    | (?P<name> [A-Za-z_][A-Za-z0-9_]* )
    | (?P<mark> [\s\S] )
    """,
    re.VERBOSE,
)

Path = tuple[str, ...]
"""Names of fields, from the event inwards. The empty path is the whole event."""


class Use(NamedTuple):
    """A variable, and for `event` the path of fields after it.

    `bound`: a macro binds the variable.
    """

    name: str
    path: Path = ()
    bound: bool = False


class Plain(NamedTuple):
    """An operator, number, string or bracket; `text` is its source."""

    text: str


class Call(NamedTuple):
    """A call of a function, with the terms of its target and its arguments."""

    name: str
    target: tuple["Term", ...]
    arguments: tuple["Term", ...]
    depth: int

    @property
    def literal(self) -> str:
        """The source of its argument if that is one string; else empty."""
        match self.arguments:
            case (Plain(text),) if text[-1] in "\"'":
                return text
        return ""


class Macro(NamedTuple):
    """`target.kind(variable, body)`."""

    kind: str
    target: tuple["Term", ...]
    variable: str
    body: tuple["Term", ...]
    depth: int


Term = Use | Plain | Call | Macro


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed expression. `uses` are its variables in order, without the declarations in macros.

    `indexed` is the same expression with `event["a"]["b"]` for `event.a.b`: for the latter, the
    library copies the value of every field on the path.
    """

    terms: tuple[Term, ...]
    uses: tuple[Use, ...]
    indexed: str
    depth: int
    nested_macros: int

    @property
    def variables(self) -> set[str]:
        """The names that macros bind."""
        return {term.variable for term in _all_terms(self.terms) if isinstance(term, Macro)}

    @property
    def paths(self) -> tuple[Path, ...]:
        """The paths that it uses of the event, each once."""
        return tuple(dict.fromkeys(use.path for use in self.uses if is_event(use)))


def is_event(use: Use) -> bool:
    """Whether a variable is the event, or a field of it."""
    return use.name == "event" and not use.bound


def parse_source(source: str) -> Source:
    """Parse an expression that the library can compile.

    Any other text gives an arbitrary result, and no error. If it is nested too deeply, it has no
    terms.
    """
    words = [match for match in TOKEN.finditer(source) if _is_word(match)]
    depths = accumulate((word[0] in _OPEN) - (word[0] in _CLOSE) for word in words)
    depth = max(depths, default=0)
    if depth > MAX_DEPTH:
        return Source((), (), source, depth, 0)
    reader = _Reader(words)
    terms = reader.read_terms("")
    depth = max(depth, _find_depth(terms))
    if depth > MAX_DEPTH:
        return Source((), (), source, depth, 0)
    return Source(
        tuple(terms), tuple(reader.uses), reader.indexed(source), depth, _count_macro_depth(terms)
    )


def _is_word(match: re.Match[str]) -> bool:
    return match.lastgroup != "skipped" or match[0][-1] in "\"'"


def find_calls(terms: Sequence[Term]) -> Iterator[Call]:
    """Find all calls of functions in an expression."""
    return (term for term in _all_terms(terms) if isinstance(term, Call))


def _all_terms(terms: Sequence[Term]) -> Iterator[Term]:
    for term in terms:
        yield term
        match term:
            case Macro(_, target, _, inner, _) | Call(_, target, inner, _):
                yield from _all_terms(target)
                yield from _all_terms(inner)


def _find_depth(terms: Sequence[Term]) -> int:
    return max((term.depth for term in terms if isinstance(term, Call | Macro)), default=0)


def _count_macro_depth(terms: Sequence[Term]) -> int:
    depth = 0
    for term in terms:
        match term:
            case Macro(_, target, _, body, _):
                depth = max(depth, _count_macro_depth(target), 1 + _count_macro_depth(body))
            case Call(_, target, arguments, _):
                depth = max(depth, _count_macro_depth(target), _count_macro_depth(arguments))
    return depth


class _Reader:
    """A parser that reads words from left to right."""

    def __init__(self, words: Sequence[re.Match[str]]) -> None:
        self._words = words
        self._next = 0
        self._bound: list[str] = []
        self._edits: list[tuple[int, int, str]] = []  # start, end, replacement
        self.uses: list[Use] = []

    def indexed(self, source: str) -> str:
        for start, end, instead in reversed(self._edits):
            source = source[:start] + instead + source[end:]
        return source

    def _peek(self, ahead: int = 0) -> str:
        at = self._next + ahead
        return self._words[at][0] if at < len(self._words) else ""

    def read_terms(self, closing: str, *, in_has: bool = False) -> list[Term]:
        """Parse terms up to the bracket `closing`, and the bracket."""
        done: list[Term] = []
        operand: list[Term] = []  # the current operand, such as `a.b[0].f(c)`
        while word := self._peek():
            kind = self._words[self._next].lastgroup
            self._next += 1
            if word == closing:
                break
            if word in _OPEN:
                if word != "(" and not operand:
                    operand.append(Plain(word))
                operand += self.read_terms(_OPEN[word], in_has=in_has)
            elif word == ".":
                operand = self._read_member(operand)
            elif kind == "name" and self._peek() == "(":
                done += operand
                operand = [self._read_call(word, [])]
            else:
                done += operand
                operand = [self._read_use(word, in_has=in_has) if kind == "name" else Plain(word)]
        return done + operand

    def _read_member(self, operand: list[Term]) -> list[Term]:
        """Parse the member after a dot: a field, a function or a macro."""
        name = self._peek()
        self._next += 1
        if self._peek() != "(":
            return operand
        if name in MACROS and self._peek(2) == ",":
            variable = self._peek(1)
            self._next += 3
            self._bound.append(variable)
            body = self.read_terms(")")
            self._bound.pop()
            depth = 1 + _find_depth([*operand, *body])
            return [Macro(name, tuple(operand), variable, tuple(body), depth)]
        return [self._read_call(name, operand)]

    def _read_call(self, name: str, target: list[Term]) -> Call:
        self._next += 1
        arguments = self.read_terms(")", in_has=name == "has")
        return Call(name, tuple(target), tuple(arguments), 1 + _find_depth([*target, *arguments]))

    def _read_use(self, name: str, *, in_has: bool) -> Use:
        use = Use(name, (), name in self._bound)
        if is_event(use):
            use = use._replace(path=self._read_path(in_has=in_has))
        self.uses.append(use)
        return use

    def _read_path(self, *, in_has: bool) -> Path:
        """Parse the path after `event`. The last field in `has()` is not indexed."""
        path: list[str] = []
        edits: list[tuple[int, int, str]] = []
        while len(path) < _MAX_PATH:
            if self._peek() == "." and self._peek(1).isidentifier() and self._peek(2) != "(":
                start, end = self._words[self._next].start(), self._words[self._next + 1].end()
                path.append(self._peek(1))
                edits.append((start, end, f'["{path[-1]}"]'))
                self._next += 2
            elif self._peek() == "[" and self._peek(2) == "]" and (text := self._match_quoted()):
                path.append(text["text"])
                self._next += 3
            else:
                break
        last = self._words[self._next - 1].end()
        self._edits += [edit for edit in edits if not (in_has and edit[1] == last)]
        return tuple(path)

    def _match_quoted(self) -> re.Match[str] | None:
        return _QUOTED.fullmatch(self._peek(1))
