"""What a handler is given, and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.datastructures import QueryParams

from infra.standin.errors import ApiError


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in: who calls, the path's and the query's parameters, the body."""

    caller: str
    path: Mapping[str, str]
    query: QueryParams
    body: bytes
    now: float

    def json(self) -> Any:
        """The body as JSON. Raises 422."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise ApiError(422, "The body is not valid JSON", where=("body",)) from None

    def integer(self, name: str, default: int, *, lowest: int, highest: int) -> int:
        """A whole number from the query. Raises 422 when out of bounds."""
        given = self.query.get(name)
        if given is None:
            return default
        if not given.isdecimal() or not lowest <= int(given) <= highest:
            message = f"{name} is a whole number between {lowest} and {highest}"
            raise ApiError(422, message, where=("query", name))
        return int(given)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer: `content` as the body of that media type."""

    content: bytes
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(value: object, status: int = 200) -> Answer:
    """JSON as an answer."""
    return Answer(orjson.dumps(value), status)


NO_CONTENT = Answer(b"", 204)
