"""The parts of Cloud Logging that our metrics use: filters, and extractors of labels.

https://cloud.google.com/logging/docs/view/logging-query-language. Raises `ValueError` for a filter
or an extractor with anything else in it, so that no part is ignored.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

Entry = Mapping[str, Any]
"""A log entry, as Cloud Logging stores it."""

_PATH: Final = r'[a-zA-Z_]\w*(?:\.(?:[a-zA-Z_]\w*|"[^"]+"))*'
# A backslash has a meaning in a quoted text, which the filters avoid.
_COMPARISON: Final = re.compile(
    rf'(?P<path>{_PATH})(?P<operator>=~|>=|=)(?:"(?P<text>[^"\\]*)"|(?P<number>[0-9.]+))'
)
_EXTRACT: Final = re.compile(rf"EXTRACT\((?P<path>{_PATH})\)")
_REGEXP_EXTRACT: Final = re.compile(rf'REGEXP_EXTRACT\((?P<path>{_PATH}), "(?P<pattern>[^"\\]*)"\)')
_AND: Final = " AND "
_OR: Final = " OR "


def matches(text: str, entry: Entry) -> bool:
    """Whether a filter selects an entry: all terms that AND joins are true.

    A term is a comparison, or several that OR joins in parentheses.
    """
    position, result = 0, True
    while True:
        if text.startswith("(", position):
            matched, position = _match_any(text, position + 1, entry)
        else:
            matched, position = _match_one(text, position, entry)
        result &= matched
        if position == len(text):
            return result
        if not text.startswith(_AND, position):
            raise ValueError(f"not AND: {text[position:]!r}")
        position += len(_AND)


def _match_one(text: str, position: int, entry: Entry) -> tuple[bool, int]:
    """Return whether the comparison at a position is true, and where it ends."""
    comparison = _COMPARISON.match(text, position)
    if comparison is None:
        raise ValueError(f"not a comparison: {text[position:]!r}")
    return _compare(comparison, entry), comparison.end()


def _match_any(text: str, position: int, entry: Entry) -> tuple[bool, int]:
    """Return whether a comparison up to the closing parenthesis is true, and where that ends."""
    result, position = _match_one(text, position, entry)
    while text.startswith(_OR, position):
        matched, position = _match_one(text, position + len(_OR), entry)
        result |= matched
    if not text.startswith(")", position):
        raise ValueError(f"not OR: {text[position:]!r}")
    return result, position + 1


def extract(extractor: str, entry: Entry) -> str:
    """Return the value of a label; empty if the entry has none, as Cloud Logging does."""
    if whole := _EXTRACT.fullmatch(extractor):
        value = _find(whole["path"], entry)
        return "" if value is None else str(value)
    if part := _REGEXP_EXTRACT.fullmatch(extractor):
        value = _find(part["path"], entry)
        pattern = re.compile(part["pattern"])
        if pattern.groups != 1:
            raise ValueError(f"not one group: {extractor!r}")
        match = pattern.search("" if value is None else str(value))
        return match[1] if match else ""
    raise ValueError(f"not an extractor: {extractor!r}")


def _compare(comparison: re.Match[str], entry: Entry) -> bool:
    value, operator = _find(comparison["path"], entry), comparison["operator"]
    if value is None:
        return False
    if operator == ">=" and comparison["number"]:
        return type(value) in (int, float) and value >= float(comparison["number"])
    if operator == "=" and comparison["text"] is not None:
        return str(value).casefold() == comparison["text"].casefold()
    if operator == "=~" and comparison["text"] is not None:
        return re.search(comparison["text"], str(value)) is not None
    raise ValueError(f"not a known comparison: {comparison[0]!r}")


def _find(path: str, entry: Entry) -> Any:
    """Return the value of a field, or None. A quoted part is one key."""
    value: Any = entry
    for part in re.findall(r'\w+|"[^"]+"', path):
        value = value.get(part.strip('"')) if isinstance(value, Mapping) else None
    return value
