"""Pages of lists, with opaque cursors, in the two documented styles."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.standin.errors import ApiError


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list of `total`; `next_cursor` is None on the last."""

    items: tuple[Any, ...]
    next_cursor: str | None
    total: int
    limit: int

    def paginated(self) -> dict[str, Any]:
        """Return `{"data", "pagination"}`."""
        return {
            "data": list(self.items),
            "pagination": {
                "limit": self.limit,
                "has_more": self.next_cursor is not None,
                "next_cursor": self.next_cursor,
                "total": self.total,
            },
        }

    def token_style(self) -> dict[str, Any]:
        """Return `{"results", "next_page_token", "total_shown"}`."""
        return {
            "results": list(self.items),
            "next_page_token": self.next_cursor,
            "total_shown": len(self.items),
        }


def paginate(items: Sequence[Any], limit: int, cursor: str | None) -> Page:
    """Return the page of `items` that begins at `cursor`. Raises 422 for an invalid cursor."""
    start = _decode_cursor(cursor) if cursor else 0
    end = start + limit
    next_cursor = _encode_cursor(end) if end < len(items) else None
    return Page(tuple(items[start:end]), next_cursor, len(items), limit)


def _encode_cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"o:{offset}".encode()).decode()


def _decode_cursor(cursor: str) -> int:
    try:
        kind, _, number = (
            base64.b64decode(cursor.encode(), altchars=b"-_", validate=True).decode().partition(":")
        )
        if kind == "o":
            return max(0, int(number))
    except (ValueError, binascii.Error):
        pass
    raise ApiError(422, "The cursor is not valid", where=("query", "cursor"))
