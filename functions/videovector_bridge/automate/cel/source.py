"""The text of a CEL expression: its names, the fields of the event it asks for, its macros. Pure.

The library reports which names an expression has, but neither the fields nor what a macro binds.
https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
MAX_DEPTH: Final = 50
"""Of brackets in one another, and of calls on what calls give: reading them is recursive."""
MAX_NESTED_MACROS: Final = 5
"""An estimate of the work doubles with each of them."""

_MAX_PATH: Final = 32
_OPEN: Final = {"(": ")", "[": "]", "{": "}"}
_CLOSE: Final = frozenset(_OPEN.values())
_QUOTED: Final = re.compile(r"""[rR]?(?P<quote>["'])(?P<text>[^\\"']*)(?P=quote)""")
# A string, a comment or blanks; a name; any other character.
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
"""Names of fields, from the event inwards; of the whole event: none."""


class Use(NamedTuple):
    """A name that stands for a value; for `event` with the fields that are asked of it.

    `bound` is whether a macro binds the name.
    """

    name: str
    path: Path = ()
    bound: bool = False


class Plain(NamedTuple):
    """An operator, a number, a string, or the bracket of a list; `text` as it is written."""

    text: str


class Call(NamedTuple):
    """A function, with the terms of its target and its arguments."""

    name: str
    over: tuple["Term", ...]
    arguments: tuple["Term", ...]
    depth: int

    @property
    def literal(self) -> str:
        """Its argument as it is written, if that is one string; else empty."""
        match self.arguments:
            case (Plain(text),) if text[-1] in "\"'":
                return text
        return ""


class Macro(NamedTuple):
    """`over.kind(variable, body)`."""

    kind: str
    over: tuple["Term", ...]
    variable: str
    body: tuple["Term", ...]
    depth: int


Term = Use | Plain | Call | Macro


@dataclass(frozen=True, slots=True)
class Source:
    """An expression, read. `uses` are all names in order, as far as no macro's own variable.

    `indexed` is the same expression with `event["a"]["b"]` for `event.a.b`: the library copies
    the value of every field on the way of the latter, and none of the former.
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
        """What it asks of the event, each once."""
        return tuple(dict.fromkeys(use.path for use in self.uses if is_event(use)))


def is_event(use: Use) -> bool:
    """Whether a name stands for the event, or for a field of it."""
    return use.name == "event" and not use.bound


def read_source(source: str) -> Source:
    """Read an expression that the library can compile.

    Any other text is read too, somehow. One that nests too much has no terms.
    """
    words = [match for match in TOKEN.finditer(source) if _is_word(match)]
    depths = accumulate((word[0] in _OPEN) - (word[0] in _CLOSE) for word in words)
    depth = max(depths, default=0)
    if depth > MAX_DEPTH:
        return Source((), (), source, depth, 0)
    reader = _Reader(words)
    terms = reader.terms("")
    depth = max(depth, _depth(terms))
    if depth > MAX_DEPTH:
        return Source((), (), source, depth, 0)
    return Source(
        tuple(terms), tuple(reader.uses), reader.indexed(source), depth, _macro_depth(terms)
    )


def _is_word(match: re.Match[str]) -> bool:
    return match.lastgroup != "skipped" or match[0][-1] in "\"'"


def find_calls(terms: Sequence[Term]) -> Iterator[Call]:
    """All calls of functions in an expression."""
    return (term for term in _all_terms(terms) if isinstance(term, Call))


def _all_terms(terms: Sequence[Term]) -> Iterator[Term]:
    for term in terms:
        yield term
        match term:
            case Macro(_, over, _, inner, _) | Call(_, over, inner, _):
                yield from _all_terms(over)
                yield from _all_terms(inner)


def _depth(terms: Sequence[Term]) -> int:
    return max((term.depth for term in terms if isinstance(term, Call | Macro)), default=0)


def _macro_depth(terms: Sequence[Term]) -> int:
    depth = 0
    for term in terms:
        match term:
            case Macro(_, over, _, body, _):
                depth = max(depth, _macro_depth(over), 1 + _macro_depth(body))
            case Call(_, over, arguments, _):
                depth = max(depth, _macro_depth(over), _macro_depth(arguments))
    return depth


class _Reader:
    """Reads words from left to right."""

    def __init__(self, words: Sequence[re.Match[str]]) -> None:
        self._words = words
        self._next = 0
        self._bound: list[str] = []
        self._edits: list[tuple[int, int, str]] = []  # from, to, what stands there instead
        self.uses: list[Use] = []

    def indexed(self, source: str) -> str:
        for start, end, instead in reversed(self._edits):
            source = source[:start] + instead + source[end:]
        return source

    def _word(self, ahead: int = 0) -> str:
        at = self._next + ahead
        return self._words[at][0] if at < len(self._words) else ""

    def terms(self, closing: str, *, in_has: bool = False) -> list[Term]:
        """All terms as far as the bracket `closing`, which is read too."""
        done: list[Term] = []
        operand: list[Term] = []  # of the operand that is being read, such as `a.b[0].f(c)`
        while word := self._word():
            kind = self._words[self._next].lastgroup
            self._next += 1
            if word == closing:
                break
            if word in _OPEN:
                if word != "(" and not operand:
                    operand.append(Plain(word))
                operand += self.terms(_OPEN[word], in_has=in_has)
            elif word == ".":
                operand = self._member(operand)
            elif kind == "name" and self._word() == "(":
                done += operand
                operand = [self._call(word, [])]
            else:
                done += operand
                operand = [self._use(word, in_has=in_has) if kind == "name" else Plain(word)]
        return done + operand

    def _member(self, operand: list[Term]) -> list[Term]:
        """What follows a dot: a field, a function or a macro."""
        name = self._word()
        self._next += 1
        if self._word() != "(":
            return operand
        if name in MACROS and self._word(2) == ",":
            variable = self._word(1)
            self._next += 3
            self._bound.append(variable)
            body = self.terms(")")
            self._bound.pop()
            depth = 1 + _depth([*operand, *body])
            return [Macro(name, tuple(operand), variable, tuple(body), depth)]
        return [self._call(name, operand)]

    def _call(self, name: str, over: list[Term]) -> Call:
        self._next += 1
        arguments = self.terms(")", in_has=name == "has")
        return Call(name, tuple(over), tuple(arguments), 1 + _depth([*over, *arguments]))

    def _use(self, name: str, *, in_has: bool) -> Use:
        use = Use(name, (), name in self._bound)
        if is_event(use):
            use = use._replace(path=self._path(in_has=in_has))
        self.uses.append(use)
        return use

    def _path(self, *, in_has: bool) -> Path:
        """The fields that are asked of the event; the last one of `has()` remains a field."""
        path: list[str] = []
        edits: list[tuple[int, int, str]] = []
        while len(path) < _MAX_PATH:
            if self._word() == "." and self._word(1).isidentifier() and self._word(2) != "(":
                start, end = self._words[self._next].start(), self._words[self._next + 1].end()
                path.append(self._word(1))
                edits.append((start, end, f'["{path[-1]}"]'))
                self._next += 2
            elif self._word() == "[" and self._word(2) == "]" and (text := self._quoted()):
                path.append(text["text"])
                self._next += 3
            else:
                break
        last = self._words[self._next - 1].end()
        self._edits += [edit for edit in edits if not (in_has and edit[1] == last)]
        return tuple(path)

    def _quoted(self) -> re.Match[str] | None:
        return _QUOTED.fullmatch(self._word(1))
