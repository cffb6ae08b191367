"""The request that a handler receives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import QueryParams

from infra.standin.errors import ApiError, invalid


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """An authorised request. `now` is its time in seconds since the epoch."""

    caller: str
    path: Mapping[str, str]
    query: QueryParams
    body: bytes
    now: float

    def json(self) -> Any:
        """Parse the body. Raises 422."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise invalid("The body is not valid JSON") from None

    def json_object(self) -> dict[str, Any]:
        """Parse the body, which must be a JSON object. Raises 422."""
        body = self.json()
        if not isinstance(body, dict):
            raise invalid("The body is a JSON object")
        return body

    def integer(self, name: str, default: int, *, lowest: int, highest: int) -> int:
        """Parse a whole number from the query. Raises 422 when it is out of bounds."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isdecimal() or not lowest <= int(text) <= highest:
            message = f"{name} is a whole number between {lowest} and {highest}"
            raise ApiError(422, message, where=("query", name))
        return int(text)
