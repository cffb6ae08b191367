"""One request to VideoVector and its response, as values; and the encoding of a request. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

from videovector_bridge.api.errors import CredentialRefused, RequestRefused
from videovector_bridge.redact import clean_text
from videovector_bridge.settings.api import is_api_key

T = TypeVar("T")

# The most bytes of a response. An instance may hold several responses at once.
JSON_LIMIT = 32 * 1024 * 1024
# About one marker or one object.
SINGLE_LIMIT = 256 * 1024
# A caller whose batch exceeds it requests fewer ids at once.
BATCH_LIMIT = 8 * 1024 * 1024
MEDIA_LIMIT = 64 * 1024 * 1024
_MAX_ID = 1_000
_HEADER_WORD = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Call:
    """One logical request. `path` is relative to the base URL, its ids encoded by `encode_id`.

    `reads` marks a POST that changes nothing. `limit` is the most bytes of the response's body.
    `status_suffices`: any 2xx is a success, even if its body is too large (it then counts as
    empty) or broken off (the part that arrived then counts).
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
        """Whether it only reads, so that it has no effect, now or later."""
        return self.method == "GET" or self.reads

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice has the same effect as sending it once."""
        return (
            self.changes_nothing
            or self.method in {"PUT", "DELETE"}
            or self.idempotency_key is not None
        )


@dataclass(frozen=True, slots=True)
class Response:
    """A success: its status, bare media type in lower case (or ""), and whole body."""

    method: str
    path: str
    status: int
    content_type: str
    content: bytes = field(repr=False)


def check_api_key(key: str, method: str, path: str) -> str:
    """Return `key`, or raise `CredentialRefused` if it cannot be sent with that request.

    A bad key must not reach h11, whose error would quote it.
    """
    if is_api_key(key):
        return key
    problem = "contains characters that no header can carry" if key else "is empty"
    del key  # some error reports print the locals of every frame
    raise CredentialRefused(
        f"The API key {problem}, so {method} {path} was not sent. {CredentialRefused.advice}",
        method=method,
        path=path,
    )


def encode_id(value: str) -> str:
    """Return an id as one segment of a path, percent-encoded so that it stays one segment.

    Raises `RequestRefused` for ids that no encoding makes safe: an empty one (it would address the
    whole collection), and `.` or `..` between slashes, which a decoding proxy would resolve.
    """
    if not value or len(value) > _MAX_ID:
        raise RequestRefused(f"An id must have 1 to {_MAX_ID} characters, not {len(value)}.")
    if {".", ".."} & set(re.split(r"[/\\]", value)):
        raise RequestRefused(f"{clean_text(value)!r} is not an id: it contains `.` or `..`.")
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise RequestRefused(f"{clean_text(value)!r} is not an id: it is not text.") from None


def encode_idempotency_key(key: str | None) -> str:
    """Return the caller's key in a form that fits a header, or a new key for None.

    A key that does not fit is replaced by its SHA-256 in hex.
    """
    if key is None:
        return str(uuid4())
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


def encode_params(**values: str | int | None) -> dict[str, str]:
    """Return the values as text, without those that are None."""
    return {name: str(value) for name, value in values.items() if value is not None}


def split(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in order, `size` at a time."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
