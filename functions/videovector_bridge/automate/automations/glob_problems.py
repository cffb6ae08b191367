"""Find globs that no event type can match, such as regular expressions, and correct them. Pure."""

import re
from typing import Final

# No event type has these characters. In a glob they are literal.
GLOB_PATTERN: Final = r"^[^\\^$()|+{}, ]+$"
"""A necessary condition of valid globs, for the schema."""

_SIGN: Final = re.compile(r"[\\^$()|+{}]")
_STRAY_BRACKET: Final = re.compile(r"\[(?!!?\]?[^\]]*\])")
# A dot before a star, where no type has a dot.
_DOT_STAR: Final = re.compile(r"(?:^|(?<=[._]))\.\*")
_REPEATED: Final = re.compile(r"(?:\.|\[[^\]]*\]|\\[wSD])([*+])")
_BRACES: Final = re.compile(r"\{([^{}]*,[^{}]*[^{}\d,][^{}]*|[^{}\d,][^{}]*,[^{}]*)\}")
_GROUP: Final = re.compile(r"\((?:\?:)?([^()?][^()]*)\)")
_REGEX: Final = (
    "looks like a regular expression; `on` has globs, where * is any text and ? one character"
)
_BLANKS: Final = "has blanks or commas, which no event type has"
_MAX_LENGTH: Final = 200
_MOST: Final = 20


def find_glob_problem(glob: str) -> tuple[str, str]:
    """Return why no type can match `glob`, and the correction; both are empty for a valid glob."""
    reason = _find_reason(glob)
    if reason == _REGEX and len(glob) <= _MAX_LENGTH:
        return reason, _format_correction(_convert_regex(glob))
    if reason == _BLANKS:
        return reason, _format_correction(
            [part.strip("\"' ") for part in re.split(r"[\s,]+", glob)]
        )
    return reason, ""


def _find_reason(glob: str) -> str:
    if _SIGN.search(glob) or _DOT_STAR.search(glob):
        return _REGEX
    if not glob.isprintable() or " " in glob or "," in glob:
        return _BLANKS
    return "has a [ without its ]" if _STRAY_BRACKET.search(glob) else ""


def _format_correction(globs: list[str]) -> str:
    """Return the correction with these globs; empty if they are not valid."""
    globs = [glob for glob in globs if glob]
    if not globs or len(globs) > _MOST or any(map(_find_reason, globs)):
        return ""
    return "write " + ", ".join(f'"{glob}"' for glob in globs)


def _convert_regex(pattern: str) -> list[str]:
    """Convert a regular expression to globs. If that is impossible, they keep its special signs."""
    pattern = _BRACES.sub(lambda braces: f"({braces[1].replace(',', '|')})", pattern)
    if (group := _GROUP.search(pattern)) and pattern.count("(") == 1:
        start, end = pattern[: group.start()], pattern[group.end() :]
        return [
            glob for choice in group[1].split("|") for glob in _convert_regex(start + choice + end)
        ]
    if "(" not in pattern and "|" in pattern:
        return [glob for choice in pattern.split("|") for glob in _convert_regex(choice)]
    text = pattern.removeprefix("^").removesuffix("$")
    if _SIGN.search(text) or _DOT_STAR.search(text):
        text = _REPEATED.sub(lambda match: "?*" if match[1] == "+" else "*", text)
        text = text.replace("\\.", ".")
    more = pattern.startswith("^") and not pattern.endswith("$") and not text.endswith("*")
    return [text + "*" * more]
