"""The response of a handler, and how it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from starlette.types import Send

from infra.standin.http import connection


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response; `content` is the body, of type `media_type`."""

    content: bytes
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_response(value: object, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(orjson.dumps(value), status)


NO_CONTENT = Response(b"", 204)


async def send_response(send: Send, response: Response, request_id: str) -> None:
    """Send a complete response."""
    headers = {"x-request-id": request_id, **response.headers}
    if response.status != 204:
        headers |= {
            "content-type": response.media_type,
            "content-length": str(len(response.content)),
        }
    await connection.send_head(send, response.status, headers)
    await connection.send_body(send, response.content, more=False)
