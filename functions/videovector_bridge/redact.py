"""Redact secrets in logs, errors and responses, and clean text from outside for them."""

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "[hidden]"

# Longer input is cut before the patterns run, to bound the time for a huge body.
_SCAN_LIMIT = 8_192
_MAX_ITEMS = 20
_MAX_DEPTH = 4

# C0, DEL, C1, the bidirectional and zero-width marks, line separators, lone surrogates.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+"
)
# The query of a URL has the signature of a signed URL, with or without the host.
_URL_QUERY = re.compile(r"\b(\w{1,20}://[^\s\"'<>?#]{1,2000})[?#][^\s\"'<>]*")
_QUERY = re.compile(
    r"\?[^\s\"'<>?=&]{1,200}(?:=|%3[dD])[^\s\"'<>]*|%3[fF][^\s\"'<>]{1,200}?%3[dD][^\s\"'<>]*"
)
_USERINFO = re.compile(r"(?<=://)[^\s/@\"'<>]+@")
# A separator after the word is required, so that "invalid API key: not known" is unchanged.
_NAMED = re.compile(
    r"((?:x-(?:goog|amz)-[a-z-]+|googleaccessid|signature|sig|api[_-]?key|secret|token|password)"
    r"[\"']?(?:=|%3d|:\s*(?=[\"'\[]|[^\s]{16})))[\"']?[^\s&\"'<>]+",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
_KEY = re.compile(r"\b(sk|whsec)_[\w-]{3,}")
_SECRET_NAME = re.compile(
    r"signed_?url|signature|api_?key|secret|token|password|authorization", re.IGNORECASE
)


def redact(text: str, *, secret: str = "") -> str:
    """Return `text` with secrets hidden, otherwise unchanged. Never raises.

    Hidden are `secret` itself, the query of anything that looks like a URL, user:password in a
    URL, bearer tokens, API keys and named signatures.
    """
    if len(secret) >= 4:  # a shorter one would hide ordinary words
        text = text.replace(secret, HIDDEN)
    text = _URL_QUERY.sub(r"\1?" + HIDDEN, text)
    text = _QUERY.sub("?" + HIDDEN, text)
    text = _USERINFO.sub("", text)
    text = _NAMED.sub(r"\1" + HIDDEN, text)
    text = _BEARER.sub(r"\1 " + HIDDEN, text)
    return _KEY.sub(r"\1_" + HIDDEN, text)


def redact_all(value: Any) -> Any:
    """Return a JSON value with every text in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {name: redact_all(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact_all(inner) for inner in value]
    return value


def clean_text(text: str, *, limit: int = 300, secret: str = "") -> str:
    """Return text from outside as one redacted line of at most `limit` characters.

    Never raises.
    """
    text = redact(_UNPRINTABLE.sub(" ", text[:_SCAN_LIMIT]), secret=secret)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clean_json(value: Any, *, secret: str = "", depth: int = _MAX_DEPTH) -> Any:
    """Return a bounded copy of decoded JSON with every string cleaned.

    At most 20 items a level and 4 levels; deeper values become `"…"`. A value whose key is named
    like a secret (`signed_url`, `token`, ...) is hidden.
    """
    if isinstance(value, str):
        return clean_text(value, secret=secret)
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return "…"
    if isinstance(value, list):
        return [clean_json(item, secret=secret, depth=depth - 1) for item in value[:_MAX_ITEMS]]
    return {
        clean_text(str(name), limit=100, secret=secret): (
            HIDDEN
            if _SECRET_NAME.search(str(name))
            else clean_json(item, secret=secret, depth=depth - 1)
        )
        for name, item in list(value.items())[:_MAX_ITEMS]
    }
