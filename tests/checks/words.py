"""Words that the glossary replaces, in texts and in names."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from tests.checks.sources import Finding, read_tracked

PHRASES: Mapping[str, str] = {
    r"mend(s|ed|ing)?": "fix, repair",
    r"told": "say who reports what",
    r"tells? of": "describes",
    r"wish\w*": "target state, expected effect",
    r"(some|any)body": "anyone, a caller",
    r"for want of": "without",
    r"be it": "whether ... or",
    r"(is|are|was|were) to be": "must be",
    r"by leave of": "if ... allows it",
    r"anew": "again",
    r"meanwhile": "concurrently",
    r"strangers?": "unauthenticated caller",
    r"(come|comes|came|coming) again": "is redelivered, is repeated",
    r"(go|goes|went|going) on": "continue, resume",
    r"put(s|ting)? off": "nack, retry later",
    r"time is up": "the deadline has passed",
    r"couriers?": "dispatcher",
    r"news(room)?": "events",
    r"wanted": "target, required",
    r"at hand": "available",
    r"knobs?": "setting",
    r"in doubt": "uncertain",
}
"""A regular expression for each phrase, and what to write instead."""

WORDS_IN_NAMES: Mapping[str, str] = {
    r"truth": "oracle",
    r"worlds?": "state",
    r"gates?": "pipeline",
    r"visits?": "request context",
    r"answers?": "response",
}
"""Likewise, for names alone: each word of `a_name` and `AName`."""

NAMES: Mapping[str, str] = {
    "found": "say what was found",
    "held": "say what is held",
    "given": "say what it holds",
    "seen": "say what was observed",
    "instant": "a verb: parse_time",
    "lifted_ids": "a verb: extract_ids",
}
"""Likewise, for whole names."""

ALLOWED: Mapping[tuple[str, str], str] = {
    ("tests/checks/words.py", "*"): "lists the words",
    ("tests/unit/checks/test_words.py", "*"): "plants the words",
    ("tests/bench/row.py", "put_off"): "a key of build/bench.json, which does not change",
}
"""A file, and a word in lower case or `*` for every word: the reason to allow it there."""

_BETWEEN = r"(?:\s|#)+"  # A phrase may continue in the next line, in a comment too.
_WORD_OF_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def _compile(phrases: Mapping[str, str]) -> list[tuple[re.Pattern[str], str]]:
    return [
        (re.compile(rf"\b({phrase.replace(' ', _BETWEEN)})\b", re.IGNORECASE), instead)
        for phrase, instead in phrases.items()
    ]


_IN_TEXTS = _compile(PHRASES)
_IN_NAMES = _compile({**PHRASES, **WORDS_IN_NAMES})


def check() -> str:
    """Every avoided word in the tracked files, a line each."""
    findings = [
        finding for path, text in read_tracked().items() for finding in find_words(path, text)
    ]
    return "\n".join(map(str, sorted(set(findings))))


def find_words(path: str, text: str) -> Iterator[Finding]:
    """Avoided words in the text, the name and the identifiers of one file."""
    yield from _findings(path, _phrases(text))
    yield from _findings(path, _avoided_names([(1, PurePosixPath(path).stem)]))
    if path.endswith(".py"):
        yield from _findings(path, _avoided_names(iter_names(ast.parse(text))))


def iter_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and name of whatever a module defines: variables, attributes, functions, classes."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=str(name)) | ast.FunctionDef(name=str(name)):
                yield node.lineno, name
            case ast.AsyncFunctionDef(name=str(name)) | ast.ExceptHandler(name=str(name)):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield node.lineno, name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name
            case ast.MatchMapping(rest=str(name)):
                yield node.lineno, name


def _phrases(text: str) -> Iterator[tuple[int, str, str]]:
    for pattern, instead in _IN_TEXTS:
        for match in pattern.finditer(text):
            phrase = re.sub(_BETWEEN, " ", match[0])
            yield text.count("\n", 0, match.start()) + 1, phrase, instead


def _avoided_names(names: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    for line, name in names:
        if instead := NAMES.get(name.strip("_").lower()):
            yield line, name, instead
        words = " ".join(_WORD_OF_NAME.findall(name))
        for pattern, instead in _IN_NAMES:
            if pattern.search(words):
                yield line, name, instead


def _findings(path: str, hits: Iterable[tuple[int, str, str]]) -> Iterator[Finding]:
    for line, word, instead in hits:
        if not ALLOWED.keys() & {(path, "*"), (path, word.lower())}:
            yield Finding(path, line, f"avoided word {word!r}; write: {instead}")
