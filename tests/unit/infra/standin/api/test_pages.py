"""Pages of lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.standin.api.pages import paginate
from infra.standin.errors import ApiError


@given(st.lists(st.integers(), max_size=20), st.integers(1, 7))
def test_pages_cover_a_list_once(items: list[int], limit: int) -> None:
    """The pages together are the list."""
    collected: list[int] = []
    cursor: str | None = None
    while True:
        page = paginate(items, limit, cursor)
        collected += page.items
        cursor = page.next_cursor
        if cursor is None:
            break

    assert items == collected


@pytest.mark.parametrize("cursor", ["x", "ö", "bzox!", "cTox"])
def test_an_invalid_page_cursor_is_rejected(cursor: str) -> None:
    """It is a validation error."""
    with pytest.raises(ApiError, match="cursor"):
        paginate([1], 1, cursor)
