"""Turn the bodies of successes into values. Pure.

Each raises `UnexpectedAnswer` for other shapes, except `to_marker`, which then knows nothing.
The errors name the shape that came, never its values: an answer may hold a signed URL.
"""

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from videovector_bridge.api.calls import Answer
from videovector_bridge.api.errors import UnexpectedAnswer
from videovector_bridge.api.models import JsonObject, Marker, Media, SignedUrl
from videovector_bridge.redact import clean_text

Cursor = str | int

# Far above any real library at 100 rows a page; ends a server that makes up new cursors for ever.
_MAX_PAGES = 10_000


def decode(answer: Answer) -> Any:
    """Return the body as JSON."""
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        # orjson's error holds the whole document, so it must not be chained to ours.
        pass
    got = f"{len(answer.content)} bytes of {answer.content_type or 'unknown type'}"
    raise unexpected(answer, f"expected JSON, got {got}")


def to_rows(answer: Answer) -> list[JsonObject]:
    """Return the rows of a bare array, or of the first page of a page shape."""
    return _page(answer, decode(answer))[0]


def to_pages(fetch: Callable[[Cursor | None], Answer]) -> Iterator[JsonObject]:
    """Yield the rows of every page, asking `fetch` for one page at a time, the first with None.

    A page is a bare array, `{"data", "pagination"}` or `{"results", "next_page_token"}`. A cursor
    that comes back, or one missing though more is promised, is an error, not an end: an end
    would hide that rows are missing.
    """
    seen: set[Cursor] = set()
    cursor: Cursor | None = None
    while True:
        answer = fetch(cursor)
        rows, cursor = _page(answer, decode(answer))
        yield from rows
        if cursor is None:
            return
        if cursor in seen or len(seen) >= _MAX_PAGES:
            raise unexpected(answer, "its pages do not end: a cursor came back")
        seen.add(cursor)


def to_marker(answer: Answer) -> Marker:
    """Return the marker that an upsert answered with, bare or under `marker` or `data`.

    The answer's shape is not documented and its status has said that the marker is set, so of
    any other body nothing is known. Never raises.
    """
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return Marker()
    if not isinstance(body, dict):
        return Marker()
    for name in ("marker", "data"):
        if "marker_id" not in body and isinstance(body.get(name), dict):
            body = body[name]
    return marker_from(body)


def marker_from(fields: JsonObject) -> Marker:
    """Return a marker object; fields of another type than text count as missing."""

    def text(name: str) -> str | None:
        value = fields.get(name)
        return value if isinstance(value, str) else None

    return Marker(text("marker_id"), text("color"), text("note"), text("updated_at"), fields)


def to_signed_url(answer: Answer, gcs_uri: str) -> SignedUrl:
    """Return the URL of `{"signed_url", "expires_at"}`."""
    match decode(answer):
        case {"signed_url": str(url), "expires_at": str(expires_at)} if url.startswith(
            ("https://", "http://")
        ):
            return SignedUrl(gcs_uri, url, expires_at)
        case _:  # decoded anew, so that no local of this frame holds a URL
            got = _shape(decode(answer))
            raise unexpected(answer, f"expected signed_url and expires_at, got {got}")


def to_media(answer: Answer) -> Media:
    """Return an image that came whole (200), whatever its format."""
    if answer.status == 200 and answer.content and answer.content_type.startswith("image/"):
        return Media(answer.content, answer.content_type)
    kind = answer.content_type or "unknown type"
    raise unexpected(answer, f"expected an image, got {len(answer.content)} bytes of {kind}")


def unexpected(answer: Answer, what: str) -> UnexpectedAnswer:
    """Return the error for an answer, `what` saying what was expected and what came."""
    return UnexpectedAnswer(
        f"{UnexpectedAnswer.headline}: {answer.method} {answer.path} answered {answer.status}; "
        f"{clean_text(what)}. {UnexpectedAnswer.advice}",
        method=answer.method,
        path=answer.path,
        status=answer.status,
    )


def _page(answer: Answer, body: Any) -> tuple[list[JsonObject], Cursor | None]:
    """Return a page's rows and the cursor of the next page, None at the end."""
    rows, next_cursor, has_more = body, None, None
    if isinstance(body, dict):
        found = [body[name] for name in ("results", "data") if isinstance(body.get(name), list)]
        rows = found[0] if found else None
        pagination = body.get("pagination")
        pagination = pagination if isinstance(pagination, dict) else {}
        next_cursor = body.get("next_page_token") or pagination.get("next_cursor") or None
        has_more = pagination.get("has_more")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise unexpected(answer, f"expected a list of objects, got {_shape(body)}")
    if has_more is False:
        return rows, None
    if has_more and next_cursor is None:
        raise unexpected(answer, "more pages are promised but no cursor is given")
    if next_cursor is not None and not isinstance(next_cursor, str | int):
        raise unexpected(answer, f"expected a cursor, got {_shape(next_cursor)}")
    return rows, next_cursor


def _shape(body: Any) -> str:
    """Return what a decoded body is, in words, without any of its values."""
    if isinstance(body, dict):
        names = ", ".join(clean_text(str(name), limit=40) for name in list(body)[:10])
        return f"an object with the keys [{names}]"
    names_of_types = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names_of_types.get(type(body), "a number")
