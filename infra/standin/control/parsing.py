"""Checks of the bodies that the control plane receives."""

from typing import Any

import orjson
from starlette.requests import Request

from infra.standin.errors import invalid
from infra.standin.runs.plan import LOSABLE

_TEXT_FIELDS = (
    "event_id",
    "event_type",
    "user_id",
    "run_id",
    "video_id",
    "segment_id",
    "index_id",
    "created_at",
    "data",
)


async def parse_body(request: Request) -> Any:
    """Parse the body as JSON; an empty body is `{}`. Raises 422."""
    raw = await request.body()
    try:
        return orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError:
        raise invalid("The body is not valid JSON") from None


def parse_integer(body: Any, name: str, default: int) -> int:
    """Return the positive integer `name` of a body. Raises 422."""
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise invalid(f"{name} is a whole number from 1", name)
    return value


def parse_kinds(body: Any) -> tuple[str, ...]:
    """Return the kinds of work in `lose`. Raises 422."""
    value = body.get("lose", [])
    if not isinstance(value, list) or not all(kind in LOSABLE for kind in value):
        raise invalid(f"lose is a list of {' and '.join(LOSABLE)}", "lose")
    return tuple(value)


def check_event(event: object) -> None:
    """Check the fields of a partial event. Raises 422."""
    if not isinstance(event, dict):
        raise invalid("An event is an object")
    for name, value in event.items():
        if name == "payload":
            if not isinstance(value, dict):
                raise invalid("payload is an object", name)
        elif name not in _TEXT_FIELDS:
            raise invalid(f"An event has no field {name!r}", name)
        elif value is not None and not isinstance(value, str):
            raise invalid(f"{name} is a string", name)
