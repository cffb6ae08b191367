"""Parse the bodies of successful responses. Pure.

Each function raises `UnexpectedResponse` for another shape, except `parse_marker`, which returns an
empty marker. The errors name the shape, never its values: a response may contain a signed URL.
"""

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from videovector_bridge.api.calls import Response
from videovector_bridge.api.errors import UnexpectedResponse
from videovector_bridge.api.models import JsonObject, Marker, Media, SignedUrl
from videovector_bridge.redact import clean_text

Cursor = str | int

# Far more than any real library has at 100 rows a page. Ends pages that never end.
_MAX_PAGES = 10_000


def parse_json(response: Response) -> Any:
    """Return the body as JSON."""
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        # orjson's error holds the whole document, so it must not be chained to ours.
        pass
    size = f"{len(response.content)} bytes of {response.content_type or 'unknown type'}"
    raise unexpected(response, f"expected JSON, got {size}")


def parse_rows(response: Response) -> list[JsonObject]:
    """Return the rows of a bare array, or of the first page."""
    return _parse_page(response, parse_json(response))[0]


def iterate_rows(fetch: Callable[[Cursor | None], Response]) -> Iterator[JsonObject]:
    """Yield the rows of every page. `fetch` requests one page; the cursor of the first is None.

    A page is a bare array, `{"data", "pagination"}` or `{"results", "next_page_token"}`. A
    repeated cursor, or a missing one where more rows are announced, is an error: ending there
    would hide that rows are missing.
    """
    past_cursors: set[Cursor] = set()
    cursor: Cursor | None = None
    while True:
        response = fetch(cursor)
        rows, cursor = _parse_page(response, parse_json(response))
        yield from rows
        if cursor is None:
            return
        if cursor in past_cursors or len(past_cursors) >= _MAX_PAGES:
            raise unexpected(response, "its pages do not end: a cursor was repeated")
        past_cursors.add(cursor)


def parse_marker(response: Response) -> Marker:
    """Return the marker in the response to an upsert, bare or under `marker` or `data`.

    The shape is undocumented, and the status alone says that the marker is set. Any other body
    gives an empty marker. Never raises.
    """
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return Marker()
    if not isinstance(body, dict):
        return Marker()
    for name in ("marker", "data"):
        if "marker_id" not in body and isinstance(body.get(name), dict):
            body = body[name]
    return marker_from(body)


def marker_from(fields: JsonObject) -> Marker:
    """Return a marker from its JSON object; a field that is not text counts as missing."""

    def text(name: str) -> str | None:
        value = fields.get(name)
        return value if isinstance(value, str) else None

    return Marker(text("marker_id"), text("color"), text("note"), text("updated_at"), fields)


def parse_signed_url(response: Response, gcs_uri: str) -> SignedUrl:
    """Return the URL of `{"signed_url", "expires_at"}`."""
    match parse_json(response):
        case {"signed_url": str(url), "expires_at": str(expires_at)} if url.startswith(
            ("https://", "http://")
        ):
            return SignedUrl(gcs_uri, url, expires_at)
        case _:  # parsed a second time, so that no local of this frame holds a URL
            shape = _describe_shape(parse_json(response))
            raise unexpected(response, f"expected signed_url and expires_at, got {shape}")


def parse_media(response: Response) -> Media:
    """Return an image of any format. The status must be 200: the body is complete."""
    kind = response.content_type
    if response.status == 200 and response.content and kind.startswith("image/"):
        return Media(response.content, kind)
    size = f"{len(response.content)} bytes of {kind or 'unknown type'}"
    raise unexpected(response, f"expected an image, got {size}")


def unexpected(response: Response, problem: str) -> UnexpectedResponse:
    """Return the error for a response; `problem` says what was expected and what arrived."""
    return UnexpectedResponse(
        f"{UnexpectedResponse.headline}: {response.method} {response.path} returned "
        f"{response.status}; {clean_text(problem)}. {UnexpectedResponse.advice}",
        method=response.method,
        path=response.path,
        status=response.status,
    )


def _parse_page(response: Response, body: Any) -> tuple[list[JsonObject], Cursor | None]:
    """Return a page's rows and the cursor of the next page, None at the end."""
    rows, next_cursor, has_more = body, None, None
    if isinstance(body, dict):
        lists = (body.get(name) for name in ("results", "data"))
        rows = next((each for each in lists if isinstance(each, list)), None)
        pagination = body.get("pagination")
        pagination = pagination if isinstance(pagination, dict) else {}
        next_cursor = body.get("next_page_token") or pagination.get("next_cursor") or None
        has_more = pagination.get("has_more")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise unexpected(response, f"expected a list of objects, got {_describe_shape(body)}")
    if has_more is False:
        return rows, None
    if has_more and next_cursor is None:
        raise unexpected(response, "more pages are announced, but there is no cursor")
    if next_cursor is not None and not isinstance(next_cursor, str | int):
        raise unexpected(response, f"expected a cursor, got {_describe_shape(next_cursor)}")
    return rows, next_cursor


def _describe_shape(body: Any) -> str:
    """Describe decoded JSON without any of its values."""
    if isinstance(body, dict):
        names = ", ".join(clean_text(str(name), limit=40) for name in list(body)[:10])
        return f"an object with the keys [{names}]"
    names_of_types = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names_of_types.get(type(body), "a number")
