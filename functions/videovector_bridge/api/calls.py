"""What is asked of VideoVector and what comes back, as values; and how to write a request. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

from videovector_bridge.api.errors import RequestRefused
from videovector_bridge.redact import clean_text

T = TypeVar("T")

JSON_LIMIT = 32 * 1024 * 1024
# What is about one marker or one object is small; an instance may hold many of them.
SINGLE_LIMIT = 256 * 1024
# An instance may hold several; a caller whose batch answers with more asks for fewer ids.
BATCH_LIMIT = 8 * 1024 * 1024
MEDIA_LIMIT = 64 * 1024 * 1024
_MAX_ID = 1_000
_HEADER_WORD = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Call:
    """One logical request. `path` is relative to the base URL, its ids escaped by `segment`.

    `reads` marks a POST that changes nothing. `limit` is the most bytes that its answer may have.
    `status_suffices`: a 2xx says all that must be known, so its body may be too large or broken
    off (and then counts as empty, or as what came of it).
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    accept: str = "application/json"
    limit: int = JSON_LIMIT
    reads: bool = False
    status_suffices: bool = False
    idempotency_key: str | None = None

    @property
    def changes_nothing(self) -> bool:
        """Whether it only reads: nothing that was sent can take effect, now or later."""
        return self.method == "GET" or self.reads

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return (
            self.changes_nothing
            or self.method in {"PUT", "DELETE"}
            or self.idempotency_key is not None
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: its status, bare media type in lower case (or ""), and whole body."""

    method: str
    path: str
    status: int
    content_type: str
    content: bytes = field(repr=False)


def segment(value: str) -> str:
    """Return an id as one segment of a path, percent-encoded so that it cannot leave its place.

    Raises `RequestRefused` for what no encoding makes safe: an empty id (it would address the
    whole collection), and `.` or `..` between slashes, which a proxy that decodes would resolve.
    """
    if not value or len(value) > _MAX_ID:
        raise RequestRefused(f"An id must have 1 to {_MAX_ID} characters, not {len(value)}.")
    if {".", ".."} & set(re.split(r"[/\\]", value)):
        raise RequestRefused(f"{clean_text(value)!r} is no id: it holds a step in a path.")
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise RequestRefused(f"{clean_text(value)!r} is no id: it is not text.") from None


def header_word(key: str) -> str:
    """Return an idempotency key as a header can carry it: as given, else its SHA-256 in hex."""
    if _HEADER_WORD.fullmatch(key):
        return key
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def encode_body(call: Call) -> bytes:
    """Return the body as JSON, or raise `RequestRefused` (it may come from an automation)."""
    try:
        return json.dumps(call.body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RequestRefused(
            f"The body of {call.method} {call.path} cannot be written as JSON: "
            f"{clean_text(str(error))}.",
            method=call.method,
            path=call.path,
        ) from error


def params_of(**values: str | int | None) -> dict[str, str]:
    """Return what is not None, as text."""
    return {name: str(value) for name, value in values.items() if value is not None}


def key_for_call(given: str | None) -> str:
    """Return the caller's idempotency key in a form fit for a header, or a new one."""
    return str(uuid4()) if given is None else header_word(given)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in order, `size` at a time."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
