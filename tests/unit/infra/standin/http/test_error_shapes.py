"""Error responses."""

import orjson

from infra.standin.errors import ApiError
from infra.standin.http.error_shapes import SHAPES, ErrorWriter


def test_shapes_rotate_unless_one_is_requested() -> None:
    """A requested shape does not use up a turn."""
    writer = ErrorWriter(SHAPES, "seconds")
    error = ApiError(409, "No")

    def keys(**shape: str) -> list[str]:
        response = writer.write(error, request_id="r", now=0.0, **shape)  # type: ignore[arg-type]
        return list(orjson.loads(response.content))

    assert keys() == ["error"]
    assert keys(shape="detail") == ["detail"]
    assert keys() == ["message", "error_code", "details", "request_id"]
    assert keys() == ["detail"]
    assert keys() == ["error"]
